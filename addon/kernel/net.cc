#include "kernel/binding.h"

void InitNet(Napi::Env, Napi::Object) {}
