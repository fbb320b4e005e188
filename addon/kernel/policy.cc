#include "kernel/binding.h"

void InitPolicy(Napi::Env, Napi::Object) {}
