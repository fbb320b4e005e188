#pragma once
#include <napi.h>

void InitRebuilder(Napi::Env env, Napi::Object exports);
