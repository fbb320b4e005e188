#pragma once
#include <napi.h>

#include <functional>
#include <memory>
#include <string>

#include "common/errno_result.h"

// JavaScript Error with code, errno, syscall and path, which load-native.ts turns into a
// KernelError.
Napi::Error MakeError(Napi::Env env, const Failure& failure);

// For synchronous functions: leaves the error pending and answers undefined.
Napi::Value Throw(Napi::Env env, const Failure& failure);

// Runs `work` on a libuv pool thread (bounded work only), then `done` on the event loop, whose
// value the promise resolves with; a Failure rejects it. Without `done` it resolves with undefined.
Napi::Promise RunAsync(Napi::Env env, std::function<Failure()> work,
                       std::function<Napi::Value(Napi::Env)> done = nullptr);

// The same on a throw-away thread: for work that changes the thread's namespaces or fs context, and
// for work that may take long.
Napi::Promise RunOnThread(Napi::Env env, std::function<Failure()> work,
                          std::function<Napi::Value(Napi::Env)> done = nullptr);
