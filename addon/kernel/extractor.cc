// The layer extractor's face: each chunk is parsed and written on a throw-away thread of its own,
// so that a slow disk holds up neither the event loop nor the pool.
#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include <functional>
#include <limits>
#include <mutex>

#include "kernel/args.h"
#include "kernel/async.h"
#include "kernel/binding.h"
#include "kernel/layer_writer.h"
#include "kernel/rebuilder.h"
#include "kernel/tar_reader.h"

namespace {

// Filling that is allowed however little is free.
constexpr uint64_t kSmallWaste = 64 << 20;

struct Extraction {
  Extraction(UniqueFd root, LayerWriter::Limits limits)
      : writer(std::move(root), limits), reader(&writer) {
    writer.set_metadata(reader.metadata());
    reader.LimitWaste(static_cast<uint64_t>(limits.bytes) + kSmallWaste);
  }

  // The first failure stays: nothing may follow it.
  Failure Run(const std::function<Failure()>& work) {
    std::lock_guard lock(mutex);
    if (!failed && (failed = work())) writer.Close();
    return failed;
  }

  // `abort` may come while a chunk is under way.
  std::mutex mutex;
  LayerWriter writer;
  TarReader reader;
  Failure failed;
  LayerWriter::Result result;
  std::string metadata;
};

using Shared = std::shared_ptr<Extraction>;

Failure Feed(Extraction* extraction, const uint8_t* data, size_t size) {
  // This thread has its own umask from here on: the modes are the archive's.
  if (unshare(CLONE_FS) < 0) return Fail("unshare");
  umask(0);
  return extraction->Run([&] { return extraction->reader.Feed(data, size); });
}

Napi::Value FeedChunk(const Napi::CallbackInfo& info, const Shared& extraction) {
  auto chunk = info[0].As<Napi::Uint8Array>();
  // Keeps the chunk's memory where it is until the thread is done.
  auto pin = std::make_shared<Napi::ObjectReference>(Napi::Persistent(chunk.As<Napi::Object>()));
  return RunOnThread(info.Env(), [extraction, pin, data = chunk.Data(), size = chunk.ByteLength()] {
    return Feed(extraction.get(), data, size);
  });
}

Failure End(Extraction* extraction) {
  return extraction->Run([&] {
    Failure failure = extraction->reader.Finish(&extraction->metadata);
    if (!failure) failure = extraction->writer.Finish(&extraction->result);
    extraction->writer.Close();
    return failure;
  });
}

// The chunk at work ends at its next entry; then the descriptors go.
Napi::Value Abort(const Napi::CallbackInfo& info, const Shared& extraction) {
  extraction->reader.Cancel();
  RunOnThread(info.Env(), [extraction] {
    extraction->Run([] { return Failure{ECANCELED, "tar", {}}; });
    return Failure{};
  });
  return info.Env().Undefined();
}

Napi::Value Summary(Napi::Env env, const Extraction& extraction) {
  const LayerWriter::Result& result = extraction.result;
  Napi::Object o = Napi::Object::New(env);
  o["entries"] = static_cast<double>(result.entries);
  o["bytes"] = static_cast<double>(result.bytes);
  o["metadata"] =
      Napi::Buffer<char>::Copy(env, extraction.metadata.data(), extraction.metadata.size());
  Napi::Array dirs = Napi::Array::New(env);
  for (const std::string& dir : result.implicit_dirs) dirs[dirs.Length()] = ByteString(env, dir);
  o["implicitDirs"] = dirs;
  Napi::Array links = Napi::Array::New(env);
  for (auto& [path, target] : result.open_links) {
    Napi::Array pair = Napi::Array::New(env, 2);
    pair[0u] = ByteString(env, path);
    pair[1u] = ByteString(env, target);
    links[links.Length()] = pair;
  }
  o["openLinks"] = links;
  return o;
}

Napi::Value MakeExtractor(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  auto o = info[0].As<Napi::Object>();
  std::string dir = Str(o, "dir");
  UniqueFd root(open(dir.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!root) return Throw(env, Fail("open", dir));
  int64_t unlimited = std::numeric_limits<int64_t>::max();
  LayerWriter::Limits limits{Int64(o, "maxBytes", unlimited), Int64(o, "maxEntries", unlimited)};
  auto extraction = std::make_shared<Extraction>(std::move(root), limits);
  Napi::Object result = Napi::Object::New(env);
  result["feed"] = Napi::Function::New(
      env, [extraction](const Napi::CallbackInfo& info) { return FeedChunk(info, extraction); });
  result["end"] = Napi::Function::New(env, [extraction](const Napi::CallbackInfo& info) {
    return RunOnThread(
        info.Env(), [extraction] { return End(extraction.get()); },
        [extraction](Napi::Env env) { return Summary(env, *extraction); });
  });
  result["abort"] = Napi::Function::New(
      env, [extraction](const Napi::CallbackInfo& info) { return Abort(info, extraction); });
  return result;
}

}  // namespace

void InitExtractor(Napi::Env env, Napi::Object exports) {
  exports["layerExtractor"] = Napi::Function::New(env, MakeExtractor);
  InitRebuilder(env, exports);
}
