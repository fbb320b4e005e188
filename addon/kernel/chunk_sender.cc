// HTTP chunks into a socket that Node has let go of: what JavaScript gathers goes out without being
// copied into Node's streams.
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>

#include <mutex>

#include "kernel/archive.h"
#include "kernel/args.h"
#include "kernel/async.h"
#include "kernel/socket_body.h"

namespace {

struct Sending {
  explicit Sending(UniqueFd fd) : socket(std::move(fd)) {}

  Failure Run(Progress* progress) {
    std::lock_guard lock(mutex);
    if (!socket) return Failure{EBADF, "send", {}};
    bool blocked = false, moved = false;
    for (size_t part = 0; part < 3 && !blocked; part++) {
      const Part& p = parts[part];
      const size_t before = sent[part];
      if (Failure failure = SendSome(socket.get(), p.data, p.size, &sent[part], &blocked)) {
        return failure;
      }
      moved |= sent[part] > before;
    }
    *progress = !blocked ? Progress::kDone : moved ? Progress::kBlocked : Progress::kStalled;
    return {};
  }

  struct Part {
    const char* data = nullptr;
    size_t size = 0;
  };

  // `close` may come while a chunk is under way.
  std::mutex mutex;
  UniqueFd socket;
  char head[24];
  Part parts[3];
  size_t sent[3] = {};
  // Keeps the chunk's memory where it is.
  std::shared_ptr<Napi::ObjectReference> pin;
};

using Shared = std::shared_ptr<Sending>;

Napi::Value Continue(Napi::Env env, const Shared& sending) {
  auto progress = std::make_shared<Progress>();
  return RunOnThread(
      env, [sending, progress] { return sending->Run(progress.get()); },
      [sending, progress](Napi::Env env) -> Napi::Value {
        if (*progress == Progress::kDone) sending->pin.reset();
        return Napi::String::New(env, ProgressName(*progress));
      });
}

Napi::Value Send(const Napi::CallbackInfo& info, const Shared& sending) {
  auto chunk = info[0].As<Napi::Uint8Array>();
  sending->pin =
      std::make_shared<Napi::ObjectReference>(Napi::Persistent(chunk.As<Napi::Object>()));
  int length = snprintf(sending->head, sizeof(sending->head), "%zx\r\n", chunk.ByteLength());
  sending->parts[0] = {sending->head, static_cast<size_t>(length)};
  sending->parts[1] = {reinterpret_cast<const char*>(chunk.Data()), chunk.ByteLength()};
  sending->parts[2] = {"\r\n", 2};
  for (size_t& sent : sending->sent) sent = 0;
  return Continue(info.Env(), sending);
}

Napi::Value ChunkSenderCall(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  UniqueFd socket(fcntl(Int(info[0].As<Napi::Object>(), "fd"), F_DUPFD_CLOEXEC, 3));
  if (!socket) return Throw(env, Fail("fcntl"));
  auto sending = std::make_shared<Sending>(std::move(socket));
  Napi::Object result = Napi::Object::New(env);
  result["send"] = Napi::Function::New(
      env, [sending](const Napi::CallbackInfo& info) { return Send(info, sending); });
  result["resume"] = Napi::Function::New(
      env, [sending](const Napi::CallbackInfo& info) { return Continue(info.Env(), sending); });
  result["close"] = Napi::Function::New(env, [sending](const Napi::CallbackInfo& info) {
    return RunOnThread(
        info.Env(),
        [sending] {
          std::lock_guard lock(sending->mutex);
          sending->socket.reset();
          return Failure{};
        },
        [sending](Napi::Env env) -> Napi::Value {
          sending->pin.reset();
          return env.Undefined();
        });
  });
  return result;
}

}  // namespace

void InitChunkSender(Napi::Env env, Napi::Object exports) {
  exports["chunkSender"] = Napi::Function::New(env, ChunkSenderCall);
}
