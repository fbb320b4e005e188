// Processes and descriptors: starting shims, pidfds, polling, requests to a shim.
#include <fcntl.h>
#include <linux/sockios.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>

#include "common/unique_fd.h"
#include "kernel/args.h"
#include "kernel/async.h"
#include "kernel/binding.h"
#include "kernel/fd_watch.h"
#include "kernel/sealed_file.h"
#include "kernel/spawn.h"

namespace {

constexpr size_t kMaxReply = 64 << 10;
constexpr int64_t kRequestTimeoutUs = 5'000'000;

// ---- launchShim ----

struct Launch {
  SpawnOptions spawn;
  std::string plan;
  SpawnResult result;
  UniqueFd notify;
};

// Sealed, so that what the shim checks is what it executes.
Failure SealedMemfd(const std::string& data, UniqueFd* result) {
  UniqueFd fd(memfd_create("tdocker-plan", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!fd) return Fail("memfd_create");
  size_t done = 0;
  while (done < data.size()) {
    ssize_t n = Retry([&] { return pwrite(fd.get(), &data[done], data.size() - done, done); });
    if (n < 0) return Fail("pwrite");
    done += n;
  }
  int seals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
  if (fcntl(fd.get(), F_ADD_SEALS, seals) < 0) return Fail("fcntl");
  *result = std::move(fd);
  return {};
}

Failure OpenPipe(UniqueFd* read_end, UniqueFd* write_end) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) < 0) return Fail("pipe2");
  read_end->reset(ends[0]);
  write_end->reset(ends[1]);
  if (fcntl(ends[0], F_SETFL, O_NONBLOCK) < 0) return Fail("fcntl");
  return {};
}

Failure RunLaunch(Launch* launch) {
  std::string& path = launch->spawn.path;
  if (Failure failure = SealedExecutable(std::string(path), &path)) return failure;
  UniqueFd plan, notify_write;
  if (Failure failure = SealedMemfd(launch->plan, &plan)) return failure;
  if (Failure failure = OpenPipe(&launch->notify, &notify_write)) return failure;
  UniqueFd null(open("/dev/null", O_RDWR | O_CLOEXEC));
  if (!null) return Fail("open", "/dev/null");
  std::vector<int> fds = {null.get(), null.get(), null.get(), plan.get(), notify_write.get()};
  fds.insert(fds.end(), launch->spawn.fds.begin(), launch->spawn.fds.end());
  launch->spawn.fds = std::move(fds);
  return Spawn(launch->spawn, &launch->result);
}

// Nobody else waits for our shims, and a zombie would keep its pid. libuv waits only for its own.
void ReapWhenDone(Napi::Env env, int pidfd) {
  auto watch = std::make_shared<std::weak_ptr<FdWatch>>();
  Failure failure;
  *watch = FdWatch::Start(
      env, pidfd,
      [watch](Napi::Env, bool) {
        std::shared_ptr<FdWatch> self = watch->lock();
        siginfo_t info;
        if (self) waitid(P_PIDFD, self->fd(), &info, WEXITED | WNOHANG | __WALL);
      },
      &failure);
}

Napi::Value LaunchShim(const Napi::CallbackInfo& info) {
  auto o = info[0].As<Napi::Object>();
  auto launch = std::make_shared<Launch>();
  launch->spawn.path = Str(o, "path");
  launch->spawn.argv = {"tdocker-shim", Str(o, "name")};
  launch->spawn.fds = Ints(o, "fds");
  launch->spawn.cgroup_fd = Int(o, "cgroupFd");
  launch->plan = Bytes(o, "plan");
  return RunAsync(
      info.Env(), [launch] { return RunLaunch(launch.get()); },
      [launch](Napi::Env env) -> Napi::Value {
        ReapWhenDone(env, launch->result.pidfd.get());
        Napi::Object result = Napi::Object::New(env);
        result["pid"] = launch->result.pid;
        result["pidfd"] = launch->result.pidfd.release();
        result["notifyFd"] = launch->notify.release();
        return result;
      });
}

// ---- descriptors ----

Napi::Value WaitReadable(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  auto deferred = Napi::Promise::Deferred::New(env);
  Failure failure;
  auto watch = FdWatch::Start(
      env, IntArg(info, 0),
      [deferred](Napi::Env env, bool readable) {
        deferred.Resolve(Napi::Boolean::New(env, readable));
      },
      &failure);
  if (!watch) return Throw(env, failure);
  Napi::Object result = Napi::Object::New(env);
  result["readable"] = deferred.Promise();
  std::weak_ptr<FdWatch> weak = watch;
  result["cancel"] = Napi::Function::New(env, [weak](const Napi::CallbackInfo&) {
    if (auto watch = weak.lock()) watch->Cancel();
  });
  return result;
}

Napi::Value FdOrThrow(const Napi::CallbackInfo& info, const char* syscall, long fd) {
  if (fd < 0) return Throw(info.Env(), Fail(syscall));
  return Napi::Number::New(info.Env(), fd);
}

Napi::Value PidfdOpen(const Napi::CallbackInfo& info) {
  return FdOrThrow(info, "pidfd_open", syscall(SYS_pidfd_open, IntArg(info, 0), 0));
}

Napi::Value PidfdSendSignal(const Napi::CallbackInfo& info) {
  long result = syscall(SYS_pidfd_send_signal, IntArg(info, 0), IntArg(info, 1), nullptr, 0);
  if (result < 0) return Throw(info.Env(), Fail("pidfd_send_signal"));
  return info.Env().Undefined();
}

Napi::Value PidfdGetFd(const Napi::CallbackInfo& info) {
  return FdOrThrow(info, "pidfd_getfd",
                   syscall(SYS_pidfd_getfd, IntArg(info, 0), IntArg(info, 1), 0));
}

Napi::Value CloseFd(const Napi::CallbackInfo& info) {
  // Never repeated: Linux has closed the descriptor even where it says EINTR, close(2).
  if (close(IntArg(info, 0)) < 0 && errno != EINTR) return Throw(info.Env(), Fail("close"));
  return info.Env().Undefined();
}

Napi::Value DupFd(const Napi::CallbackInfo& info) {
  return FdOrThrow(info, "fcntl", fcntl(IntArg(info, 0), F_DUPFD_CLOEXEC, 3));
}

Napi::Value UnreadByPeer(const Napi::CallbackInfo& info) {
  int bytes = 0;
  int fd = IntArg(info, 0);
  return FdOrThrow(info, "ioctl", ioctl(fd, SIOCOUTQ, &bytes) < 0 ? -1 : bytes);
}

Napi::Value Pair(Napi::Env env, int first, int second) {
  Napi::Array pair = Napi::Array::New(env, 2);
  pair.Set(0u, first);
  pair.Set(1u, second);
  return pair;
}

Napi::Value SocketPair(const Napi::CallbackInfo& info) {
  int fds[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) < 0) {
    return Throw(info.Env(), Fail("socketpair"));
  }
  return Pair(info.Env(), fds[0], fds[1]);
}

Napi::Value MakePipe(const Napi::CallbackInfo& info) {
  UniqueFd read_end, write_end;
  if (Failure failure = OpenPipe(&read_end, &write_end)) return Throw(info.Env(), failure);
  return Pair(info.Env(), read_end.release(), write_end.release());
}

Napi::Value ReadFd(const Napi::CallbackInfo& info) {
  std::string buffer;
  ssize_t n = -1;
  size_t max = std::min(IntArg(info, 1), 1 << 20);
  buffer.resize(max);
  n = Retry([&] { return read(IntArg(info, 0), buffer.data(), max); });
  if (n < 0 && errno == EAGAIN) return info.Env().Undefined();
  if (n < 0) return Throw(info.Env(), Fail("read"));
  return Napi::Buffer<char>::Copy(info.Env(), buffer.data(), n);
}

// ---- shimRequest ----

struct Request {
  std::string path, message, reply;
  std::vector<int> fds;
};

int64_t NowUs() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * int64_t{1'000'000} + now.tv_nsec / 1000;
}

// The socket blocks, but at most until the deadline of the whole request.
void LimitTime(int fd, int64_t deadline_us) {
  int64_t left = std::max<int64_t>(deadline_us - NowUs(), 1000);
  timeval limit{left / 1'000'000, left % 1'000'000};
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
}

Failure RequestFailure(const char* syscall, const Request& request) {
  Failure failure = Fail(syscall, request.path);
  if (failure.error == EAGAIN) failure.error = ETIMEDOUT;
  return failure;
}

Failure SendMessage(int fd, const Request& request) {
  iovec part{const_cast<char*>(request.message.data()), request.message.size()};
  msghdr header = {};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  size_t length = request.fds.size() * sizeof(int);
  std::string control(length ? CMSG_SPACE(length) : 0, '\0');
  if (length) {
    header.msg_control = control.data();
    header.msg_controllen = control.size();
    cmsghdr* rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(length);
    memcpy(CMSG_DATA(rights), request.fds.data(), length);
  }
  ssize_t n = Retry([&] { return sendmsg(fd, &header, MSG_NOSIGNAL); });
  return n < 0 ? RequestFailure("sendmsg", request) : Failure{};
}

Failure RunRequest(Request* request) {
  int64_t deadline = NowUs() + kRequestTimeoutUs;
  UniqueFd fd(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  if (!fd) return Fail("socket");
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  if (request->path.size() >= sizeof(address.sun_path)) {
    return Failure{ENAMETOOLONG, "connect", request->path};
  }
  memcpy(address.sun_path, request->path.data(), request->path.size());
  LimitTime(fd.get(), deadline);
  if (Retry([&] {
        return connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address));
      }) < 0) {
    return RequestFailure("connect", *request);
  }
  LimitTime(fd.get(), deadline);
  if (Failure failure = SendMessage(fd.get(), *request)) return failure;
  LimitTime(fd.get(), deadline);
  request->reply.resize(kMaxReply);
  ssize_t n = Retry(
      [&] { return recv(fd.get(), request->reply.data(), request->reply.size(), MSG_TRUNC); });
  if (n < 0) return RequestFailure("recv", *request);
  if (n == 0) return Failure{ECONNRESET, "recv", request->path};
  if (static_cast<size_t>(n) > kMaxReply) return Failure{EMSGSIZE, "recv", request->path};
  request->reply.resize(n);
  return {};
}

// On its own thread: shims that do not answer must not take the pool away from the others.
Napi::Value ShimRequest(const Napi::CallbackInfo& info) {
  auto o = info[0].As<Napi::Object>();
  auto request = std::make_shared<Request>();
  request->path = Str(o, "path");
  request->message = Bytes(o, "message");
  request->fds = Ints(o, "fds");
  return RunOnThread(
      info.Env(), [request] { return RunRequest(request.get()); },
      [request](Napi::Env env) -> Napi::Value {
        return Napi::Buffer<char>::Copy(env, request->reply.data(), request->reply.size());
      });
}

}  // namespace

void InitProcess(Napi::Env env, Napi::Object exports) {
  exports["launchShim"] = Napi::Function::New<LaunchShim>(env);
  exports["waitReadable"] = Napi::Function::New<WaitReadable>(env);
  exports["pidfdOpen"] = Napi::Function::New<PidfdOpen>(env);
  exports["pidfdSendSignal"] = Napi::Function::New<PidfdSendSignal>(env);
  exports["pidfdGetFd"] = Napi::Function::New<PidfdGetFd>(env);
  exports["closeFd"] = Napi::Function::New<CloseFd>(env);
  exports["dupFd"] = Napi::Function::New<DupFd>(env);
  exports["unreadByPeer"] = Napi::Function::New<UnreadByPeer>(env);
  exports["socketPair"] = Napi::Function::New<SocketPair>(env);
  exports["pipe"] = Napi::Function::New<MakePipe>(env);
  exports["readFd"] = Napi::Function::New<ReadFd>(env);
  exports["shimRequest"] = Napi::Function::New<ShimRequest>(env);
  exports["beginExit"] =
      Napi::Function::New(env, [](const Napi::CallbackInfo&) { FdWatch::BeginExit(); });
}
