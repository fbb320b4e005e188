// The export table: each subject adds its functions to `exports`.
#include "kernel/binding.h"

#include <napi.h>

static Napi::Object Init(Napi::Env env, Napi::Object exports) {
  InitProcess(env, exports);
  InitRootfs(env, exports);
  InitExtractor(env, exports);
  InitLayerClose(env, exports);
  InitArchive(env, exports);
  InitDecompressor(env, exports);
  InitDeflate(env, exports);
  InitNet(env, exports);
  InitNft(env, exports);
  InitPolicy(env, exports);
  InitLogFrames(env, exports);
  InitDatagram(env, exports);
  InitDns(env, exports);
  return exports;
}

NODE_API_MODULE(kernel, Init)
