#pragma once
#include <napi.h>

Napi::Value OverlayOpen(const Napi::CallbackInfo& info);
