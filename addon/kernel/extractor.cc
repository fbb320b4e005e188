#include "kernel/binding.h"

void InitExtractor(Napi::Env, Napi::Object) {}
