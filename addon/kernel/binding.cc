// The export table: each subject adds its functions to `exports`.
#include <napi.h>

#include "kernel/binding.h"

static Napi::Object Init(Napi::Env env, Napi::Object exports) {
  InitProcess(env, exports);
  InitRootfs(env, exports);
  InitExtractor(env, exports);
  InitLayerClose(env, exports);
  InitNet(env, exports);
  InitNft(env, exports);
  InitPolicy(env, exports);
  return exports;
}

NODE_API_MODULE(kernel, Init)
