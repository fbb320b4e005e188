// Packers and unpackers of live trees as JavaScript objects: each part is read or written on a
// throw-away thread, so that a slow disk, or a file system that hangs, holds up nobody else.
#include "kernel/archive.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include <functional>
#include <mutex>

#include "kernel/args.h"
#include "kernel/async.h"
#include "kernel/binding.h"
#include "kernel/live_writer.h"
#include "kernel/tar_packer.h"
#include "kernel/tar_reader.h"

namespace {

constexpr size_t kPart = 1 << 20;

// ---- tarPacker ----

struct Packing {
  Packing(UniqueFd pinned, std::string name, bool bare)
      : packer(std::move(pinned), std::move(name), bare) {}

  // `close` may come while a read is under way.
  std::mutex mutex;
  TarPacker packer;
};

Napi::Value ReadPart(const Napi::CallbackInfo& info, const std::shared_ptr<Packing>& packing) {
  auto part = std::make_shared<std::unique_ptr<TarPart>>();
  return RunOnThread(
      info.Env(),
      [packing, part] {
        *part = std::make_unique<TarPart>(kPart);
        std::lock_guard lock(packing->mutex);
        return packing->packer.Read(part->get());
      },
      [part](Napi::Env env) -> Napi::Value {
        TarPart* read = part->get();
        if (read->size == 0) return env.Undefined();
        char* data = read->data.release();
        return Napi::Buffer<char>::NewOrCopy(env, data, read->size,
                                             [](Napi::Env, char* bytes) { delete[] bytes; });
      });
}

Napi::Value TarPackerCall(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  auto o = info[0].As<Napi::Object>();
  UniqueFd pinned(fcntl(Int(o, "fd"), F_DUPFD_CLOEXEC, 3));
  if (!pinned) return Throw(env, Fail("fcntl"));
  auto packing = std::make_shared<Packing>(std::move(pinned), Str(o, "name"), !Has(o, "name"));
  Napi::Object result = Napi::Object::New(env);
  result["read"] = Napi::Function::New(
      env, [packing](const Napi::CallbackInfo& info) { return ReadPart(info, packing); });
  result["close"] = Napi::Function::New(env, [packing](const Napi::CallbackInfo& info) {
    packing->packer.Cancel();
    return RunOnThread(info.Env(), [packing] {
      std::lock_guard lock(packing->mutex);
      packing->packer.Close();
      return Failure{};
    });
  });
  return result;
}

// ---- tarUnpacker ----

struct Unpacking {
  Unpacking(UniqueFd dest, LiveWriter::Options options)
      : writer(std::move(dest), options), reader(&writer) {}

  // The first failure stays: nothing may follow it.
  Failure Run(const std::function<Failure()>& work) {
    std::lock_guard lock(mutex);
    if (!failed && (failed = work())) writer.Close();
    return failed;
  }

  std::mutex mutex;
  LiveWriter writer;
  TarReader reader;
  Failure failed;
};

using Shared = std::shared_ptr<Unpacking>;

Napi::Value Feed(const Napi::CallbackInfo& info, const Shared& unpacking) {
  auto chunk = info[0].As<Napi::Uint8Array>();
  // Keeps the chunk's memory where it is until the thread is done.
  auto pin = std::make_shared<Napi::ObjectReference>(Napi::Persistent(chunk.As<Napi::Object>()));
  return RunOnThread(info.Env(), [unpacking, pin, data = chunk.Data(), size = chunk.ByteLength()] {
    // This thread has its own umask from here on: the modes are the archive's.
    if (unshare(CLONE_FS) < 0) return Fail("unshare");
    umask(0);
    return unpacking->Run([&] { return unpacking->reader.Feed(data, size); });
  });
}

Napi::Value End(const Napi::CallbackInfo& info, const Shared& unpacking) {
  return RunOnThread(info.Env(), [unpacking] {
    return unpacking->Run([&] {
      std::string unused;
      Failure failure = unpacking->reader.Finish(&unused);
      if (!failure) failure = unpacking->writer.Finish();
      unpacking->writer.Close();
      return failure;
    });
  });
}

// The chunk at work ends at its next entry; then the descriptors go.
Napi::Value Abort(const Napi::CallbackInfo& info, const Shared& unpacking) {
  unpacking->reader.Cancel();
  return RunOnThread(info.Env(), [unpacking] {
    unpacking->Run([] { return Failure{ECANCELED, "tar", {}}; });
    return Failure{};
  });
}

Napi::Value TarUnpackerCall(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  auto o = info[0].As<Napi::Object>();
  UniqueFd dest(fcntl(Int(o, "fd"), F_DUPFD_CLOEXEC, 3));
  if (!dest) return Throw(env, Fail("fcntl"));
  LiveWriter::Options options{Bool(o, "keepKind"), Int64(o, "uid"), Int64(o, "gid")};
  auto unpacking = std::make_shared<Unpacking>(std::move(dest), options);
  Napi::Object result = Napi::Object::New(env);
  result["feed"] = Napi::Function::New(
      env, [unpacking](const Napi::CallbackInfo& info) { return Feed(info, unpacking); });
  result["end"] = Napi::Function::New(
      env, [unpacking](const Napi::CallbackInfo& info) { return End(info, unpacking); });
  result["abort"] = Napi::Function::New(
      env, [unpacking](const Napi::CallbackInfo& info) { return Abort(info, unpacking); });
  return result;
}

}  // namespace

void InitArchive(Napi::Env env, Napi::Object exports) {
  exports["pathOpen"] = Napi::Function::New(env, PathOpen);
  exports["resolveIn"] = Napi::Function::New(env, ResolveIn);
  exports["treeAssemble"] = Napi::Function::New(env, TreeAssemble);
  exports["treeChanges"] = Napi::Function::New(env, TreeChanges);
  exports["tarPacker"] = Napi::Function::New(env, TarPackerCall);
  exports["tarUnpacker"] = Napi::Function::New(env, TarUnpackerCall);
}
