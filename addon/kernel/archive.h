#pragma once
#include <napi.h>

Napi::Value PathOpen(const Napi::CallbackInfo& info);
Napi::Value ResolveIn(const Napi::CallbackInfo& info);
Napi::Value TreeAssemble(const Napi::CallbackInfo& info);
Napi::Value TreeChanges(const Napi::CallbackInfo& info);
void InitChunkSender(Napi::Env env, Napi::Object exports);
