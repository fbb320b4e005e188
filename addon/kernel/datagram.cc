// UNIX datagram sockets, which Node lacks: syslog's unixgram and the journal's native protocol.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>

#include "common/unique_fd.h"
#include "kernel/args.h"
#include "kernel/async.h"
#include "kernel/binding.h"

namespace {

Failure Connect(const std::string& path, UniqueFd* out) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return Failure{ENAMETOOLONG, "connect", path};
  memcpy(address.sun_path, path.data(), path.size());
  UniqueFd fd(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return Fail("socket");
  if (connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) < 0)
    return Fail("connect", path);
  *out = std::move(fd);
  return {};
}

Failure SealedCopy(const char* bytes, size_t size, UniqueFd* out) {
  UniqueFd copy(memfd_create("journal-message", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!copy) return Fail("memfd_create");
  while (size > 0) {
    const ssize_t written = write(copy.get(), bytes, size);
    if (written < 0) return Fail("write");
    bytes += written;
    size -= static_cast<size_t>(written);
  }
  // The journal takes none that could still change.
  if (fcntl(copy.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) < 0)
    return Fail("fcntl");
  *out = std::move(copy);
  return {};
}

ssize_t SendDescriptor(int fd, int passed) {
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {0};
  msghdr message{};
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  cmsghdr* c = CMSG_FIRSTHDR(&message);
  c->cmsg_level = SOL_SOCKET;
  c->cmsg_type = SCM_RIGHTS;
  c->cmsg_len = CMSG_LEN(sizeof(int));
  memcpy(CMSG_DATA(c), &passed, sizeof passed);
  return sendmsg(fd, &message, MSG_NOSIGNAL);
}

Napi::Value UnixDatagram(const Napi::CallbackInfo& info) {
  UniqueFd fd;
  if (Failure failure = Connect(StrArg(info, 0), &fd)) return Throw(info.Env(), failure);
  return Napi::Number::New(info.Env(), fd.release());
}

Napi::Value SendDatagram(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  auto o = info[0].As<Napi::Object>();
  auto message = o.Get("message").As<Napi::Uint8Array>();
  const char* bytes = reinterpret_cast<const char*>(message.Data());
  const int fd = Int(o, "fd");
  ssize_t sent = send(fd, bytes, message.ByteLength(), MSG_NOSIGNAL);
  if (sent < 0 && (errno == EMSGSIZE || errno == ENOBUFS) && Bool(o, "memfd")) {
    UniqueFd copy;
    if (Failure failure = SealedCopy(bytes, message.ByteLength(), &copy))
      return Throw(env, failure);
    sent = SendDescriptor(fd, copy.get());
  }
  if (sent < 0 && errno != EAGAIN) return Throw(env, Fail("send"));
  return Napi::Boolean::New(env, sent >= 0);
}

}  // namespace

void InitDatagram(Napi::Env env, Napi::Object exports) {
  exports.Set("unixDatagram", Napi::Function::New(env, UnixDatagram, "unixDatagram"));
  exports.Set("sendDatagram", Napi::Function::New(env, SendDatagram, "sendDatagram"));
}
