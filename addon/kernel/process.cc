#include "kernel/binding.h"

void InitProcess(Napi::Env, Napi::Object) {}
