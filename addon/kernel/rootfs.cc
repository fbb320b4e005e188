#include "kernel/binding.h"

void InitRootfs(Napi::Env, Napi::Object) {}
