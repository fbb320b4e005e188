#include "kernel/binding.h"

void InitNft(Napi::Env, Napi::Object) {}
