// Packers and unpackers of live trees as JavaScript objects: each part is read or written on a
// throw-away thread, so that a slow disk, or a file system that hangs, holds up nobody else.
#include "kernel/archive.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <functional>
#include <mutex>

#include "kernel/args.h"
#include "kernel/async.h"
#include "kernel/binding.h"
#include "kernel/live_writer.h"
#include "kernel/socket_body.h"
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
  // Of `sendTo`: the chunk under way, and how much of it is sent.
  UniqueFd socket;
  std::string frame_head;
  std::unique_ptr<TarPart> part;
  size_t sent = 0;
  bool last = false;
};

// Into the caller's memory, which stays where it is until then; answers how much.
Napi::Value ReadInto(const Napi::CallbackInfo& info, const std::shared_ptr<Packing>& packing) {
  auto memory = info[0].As<Napi::Uint8Array>();
  auto pin = std::make_shared<Napi::ObjectReference>(Napi::Persistent(memory.As<Napi::Object>()));
  auto part =
      std::make_shared<TarPart>(reinterpret_cast<char*>(memory.Data()), memory.ByteLength());
  return RunOnThread(
      info.Env(),
      [packing, part] {
        std::lock_guard lock(packing->mutex);
        return packing->packer.Read(part.get());
      },
      [pin, part](Napi::Env env) -> Napi::Value {
        return Napi::Number::New(env, static_cast<double>(part->size));
      });
}

Napi::Value ReadPart(const Napi::CallbackInfo& info, const std::shared_ptr<Packing>& packing) {
  auto part = std::make_shared<std::unique_ptr<TarPart>>();
  return RunOnThread(
      info.Env(),
      [packing, part] {
        *part = std::make_unique<TarPart>(0, kPart, 0);
        std::lock_guard lock(packing->mutex);
        return packing->packer.Read(part->get());
      },
      [part](Napi::Env env) -> Napi::Value {
        TarPart* read = part->get();
        if (read->size == 0) return env.Undefined();
        char* data = read->own.release();
        return Napi::Buffer<char>::NewOrCopy(env, data, read->size,
                                             [](Napi::Env, char* bytes) { delete[] bytes; });
      });
}

// The next part as an HTTP chunk; room for its frame is left around it.
constexpr size_t kFrame = 16;

Failure NextChunk(Packing* packing) {
  auto part = std::make_unique<TarPart>(kFrame, kPart, 2);
  if (Failure failure = packing->packer.Read(part.get())) return failure;
  size_t size = part->size - kFrame;
  char frame[kFrame];
  int length = snprintf(frame, sizeof(frame), "%zx\r\n", size);
  packing->sent = kFrame - length;
  memcpy(part->data + packing->sent, frame, length);
  memcpy(part->data + part->size, "\r\n", 2);
  part->size += 2;
  packing->last = size == 0;
  packing->part = std::move(part);
  return {};
}

Failure SendParts(Packing* packing, Progress* progress) {
  std::lock_guard lock(packing->mutex);
  if (!packing->socket) return Failure{EBADF, "send", {}};
  constexpr int kShare = 64;
  const size_t sent_before = packing->sent;
  for (int parts = 0; parts < kShare; parts++) {
    if (!packing->part) {
      if (Failure failure = NextChunk(packing)) return failure;
    }
    bool blocked = false;
    TarPart* part = packing->part.get();
    if (Failure failure =
            SendSome(packing->socket.get(), part->data, part->size, &packing->sent, &blocked)) {
      return failure;
    }
    if (blocked) {
      const bool stalled = parts == 0 && packing->sent == sent_before;
      *progress = stalled ? Progress::kStalled : Progress::kBlocked;
      return {};
    }
    packing->part.reset();
    if (packing->last) {
      *progress = Progress::kDone;
      return {};
    }
  }
  *progress = Progress::kMore;
  return {};
}

Napi::Value Send(const Napi::CallbackInfo& info, const std::shared_ptr<Packing>& packing) {
  Napi::Env env = info.Env();
  if (!packing->socket) packing->socket.reset(fcntl(IntArg(info, 0), F_DUPFD_CLOEXEC, 3));
  auto progress = std::make_shared<Progress>();
  return RunOnThread(
      env, [packing, progress] { return SendParts(packing.get(), progress.get()); },
      [progress](Napi::Env env) -> Napi::Value {
        return Napi::String::New(env, ProgressName(*progress));
      });
}

Napi::Value TarPackerCall(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  auto o = info[0].As<Napi::Object>();
  UniqueFd pinned(fcntl(Int(o, "fd"), F_DUPFD_CLOEXEC, 3));
  if (!pinned) return Throw(env, Fail("fcntl"));
  auto packing = std::make_shared<Packing>(std::move(pinned), Str(o, "name"), !Has(o, "name"));
  if (Has(o, "layer")) {
    auto layer = o.Get("layer").As<Napi::Object>();
    UniqueFd lower(fcntl(Int(layer, "lower"), F_DUPFD_CLOEXEC, 3));
    if (!lower) return Throw(env, Fail("fcntl"));
    packing->packer.PackLayer(
        std::make_unique<LayerView>(std::move(lower), Strings(layer, "stubs")));
  }
  Napi::Object result = Napi::Object::New(env);
  result["read"] = Napi::Function::New(
      env, [packing](const Napi::CallbackInfo& info) { return ReadPart(info, packing); });
  result["readInto"] = Napi::Function::New(
      env, [packing](const Napi::CallbackInfo& info) { return ReadInto(info, packing); });
  result["send"] = Napi::Function::New(
      env, [packing](const Napi::CallbackInfo& info) { return Send(info, packing); });
  result["close"] = Napi::Function::New(env, [packing](const Napi::CallbackInfo& info) {
    packing->packer.Cancel();
    return RunOnThread(info.Env(), [packing] {
      std::lock_guard lock(packing->mutex);
      packing->packer.Close();
      packing->socket.reset();
      packing->part.reset();
      return Failure{};
    });
  });
  return result;
}

// ---- socketBody ----

struct Incoming {
  Incoming(UniqueFd socket, std::string head, int64_t length)
      : body(std::move(socket), std::move(head), length) {}
  std::mutex mutex;
  SocketBody body;
};

using SharedIncoming = std::shared_ptr<Incoming>;

// Gathers what is there, at most one share.
Napi::Value ReadBody(const Napi::CallbackInfo& info, const SharedIncoming& incoming) {
  auto data = std::make_shared<std::string>();
  auto progress = std::make_shared<Progress>();
  return RunOnThread(
      info.Env(),
      [incoming, data, progress] {
        std::lock_guard lock(incoming->mutex);
        return incoming->body.PumpOnce(
            [&](const uint8_t* bytes, size_t size) {
              data->append(reinterpret_cast<const char*>(bytes), size);
              return Failure{};
            },
            progress.get());
      },
      [data, progress](Napi::Env env) -> Napi::Value {
        Napi::Object result = Napi::Object::New(env);
        result["data"] = Napi::Buffer<char>::Copy(env, data->data(), data->size());
        result["progress"] = ProgressName(*progress);
        return result;
      });
}

// Into the caller's memory, which stays where it is until then: what is there, until less than what
// one call may give has room.
Napi::Value ReadBodyInto(const Napi::CallbackInfo& info, const SharedIncoming& incoming) {
  auto memory = info[0].As<Napi::Uint8Array>();
  auto pin = std::make_shared<Napi::ObjectReference>(Napi::Persistent(memory.As<Napi::Object>()));
  uint8_t* start = memory.Data();
  const size_t capacity = memory.ByteLength();
  auto size = std::make_shared<size_t>(0);
  auto progress = std::make_shared<Progress>(Progress::kMore);
  return RunOnThread(
      info.Env(),
      [incoming, start, capacity, size, progress] {
        std::lock_guard lock(incoming->mutex);
        while (*progress == Progress::kMore && capacity - *size >= SocketBody::kBuffer) {
          Failure failure = incoming->body.PumpOnce(
              [&](const uint8_t* bytes, size_t n) {
                if (n > capacity - *size) return Failure{ENOBUFS, "recv", {}};
                memcpy(start + *size, bytes, n);
                *size += n;
                return Failure{};
              },
              progress.get());
          if (failure) return failure;
        }
        return Failure{};
      },
      [pin, size, progress](Napi::Env env) -> Napi::Value {
        Napi::Object result = Napi::Object::New(env);
        result["size"] = static_cast<double>(*size);
        result["progress"] = ProgressName(*progress);
        return result;
      });
}

Napi::Value SocketBodyCall(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  auto o = info[0].As<Napi::Object>();
  UniqueFd socket(fcntl(Int(o, "fd"), F_DUPFD_CLOEXEC, 3));
  if (!socket) return Throw(env, Fail("fcntl"));
  auto incoming =
      std::make_shared<Incoming>(std::move(socket), Bytes(o, "head"), Int64(o, "length"));
  Napi::Object result = Napi::Object::New(env);
  result["handle"] = Napi::External<SharedIncoming>::New(
      env, new SharedIncoming(incoming), [](Napi::Env, SharedIncoming* held) { delete held; });
  result["read"] = Napi::Function::New(
      env, [incoming](const Napi::CallbackInfo& info) { return ReadBody(info, incoming); });
  result["readInto"] = Napi::Function::New(
      env, [incoming](const Napi::CallbackInfo& info) { return ReadBodyInto(info, incoming); });
  result["close"] = Napi::Function::New(env, [incoming](const Napi::CallbackInfo& info) {
    return RunOnThread(info.Env(), [incoming] {
      std::lock_guard lock(incoming->mutex);
      incoming->body.Close();
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

Napi::Value FeedFrom(const Napi::CallbackInfo& info, const Shared& unpacking) {
  SharedIncoming incoming = *info[0].As<Napi::External<SharedIncoming>>().Data();
  auto progress = std::make_shared<Progress>();
  return RunOnThread(
      info.Env(),
      [unpacking, incoming, progress] {
        if (unshare(CLONE_FS) < 0) return Fail("unshare");
        umask(0);
        std::lock_guard lock(incoming->mutex);
        return unpacking->Run([&] {
          return incoming->body.Pump(
              [&](const uint8_t* data, size_t size) { return unpacking->reader.Feed(data, size); },
              progress.get());
        });
      },
      [progress](Napi::Env env) -> Napi::Value {
        return Napi::String::New(env, ProgressName(*progress));
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
  result["feedFrom"] = Napi::Function::New(
      env, [unpacking](const Napi::CallbackInfo& info) { return FeedFrom(info, unpacking); });
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
  exports["socketBody"] = Napi::Function::New(env, SocketBodyCall);
  exports["tarUnpacker"] = Napi::Function::New(env, TarUnpackerCall);
  InitChunkSender(env, exports);
}
