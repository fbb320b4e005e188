#pragma once
#include <napi.h>

Napi::Value MountClone(const Napi::CallbackInfo& info);
Napi::Value OverlayOpen(const Napi::CallbackInfo& info);
