// Sockets that hold a host port for a container. Traffic never reaches them: nftables rewrites it.
#include <sys/socket.h>

#include "common/unique_fd.h"
#include "kernel/async.h"
#include "kernel/inet.h"
#include "kernel/net.h"

namespace {

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;

  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
};

bool MakeAddress(const std::string& text, uint16_t port, SocketAddress* out) {
  InetPrefix address;
  if (!InetPrefix::Parse(text, &address)) return false;
  if (address.family == AF_INET) {
    auto* v4 = reinterpret_cast<sockaddr_in*>(&out->storage);
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
    memcpy(&v4->sin_addr, address.bytes, sizeof v4->sin_addr);
    out->size = sizeof *v4;
  } else {
    auto* v6 = reinterpret_cast<sockaddr_in6*>(&out->storage);
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    memcpy(&v6->sin6_addr, address.bytes, sizeof v6->sin6_addr);
    out->size = sizeof *v6;
  }
  return true;
}

Failure SetOption(int fd, int level, int name, int value) {
  return setsockopt(fd, level, name, &value, sizeof value) < 0 ? Fail("setsockopt") : Failure{};
}

// TCP binds with SO_REUSEADDR, or connections in TIME_WAIT would hold the port, and then listens,
// because only listen(2) finds every conflict among such sockets. It does not go on listening: a
// client that comes before the nftables element or after it (or over ::1, where there is none) must
// be refused, not accepted by nobody. shutdown(2) ends listening and keeps the port; without
// SO_REUSEADDR from here on nobody else can bind it.
Failure HoldTcp(int fd, SocketAddress* address, const std::string& about) {
  if (Failure failure = SetOption(fd, SOL_SOCKET, SO_REUSEADDR, 1)) return failure;
  if (bind(fd, address->get(), address->size) < 0) return Fail("bind", about);
  if (listen(fd, 0) < 0) return Fail("bind", about);
  if (shutdown(fd, SHUT_RD) < 0) return Fail("shutdown", about);
  return SetOption(fd, SOL_SOCKET, SO_REUSEADDR, 0);
}

Failure BindPort(const std::string& protocol, const std::string& host, uint16_t port,
                 UniqueFd* out) {
  std::string about = host + ":" + std::to_string(port);
  SocketAddress address;
  // The kernel would let go of a port it chose itself when listening ends.
  if (port == 0) return Failure{EINVAL, "bind", about};
  if (!MakeAddress(host, port, &address)) return Failure{EINVAL, "inet_pton", host};
  bool tcp = protocol == "tcp", udp = protocol == "udp";
  int family = address.get()->sa_family;
  out->reset(socket(family, (udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC,
                    tcp ? IPPROTO_TCP : (udp ? IPPROTO_UDP : IPPROTO_SCTP)));
  if (!*out) return Fail("socket", protocol);
  if (family == AF_INET6) {
    if (Failure failure = SetOption(out->get(), IPPROTO_IPV6, IPV6_V6ONLY, 1)) return failure;
  }
  if (tcp) return HoldTcp(out->get(), &address, about);
  return bind(out->get(), address.get(), address.size) < 0 ? Fail("bind", about) : Failure{};
}

Napi::Value BindPortCall(const Napi::CallbackInfo& info) {
  auto options = info[0].As<Napi::Object>();
  UniqueFd fd;
  Failure failure =
      BindPort(options.Get("protocol").ToString(), options.Get("address").ToString(),
               static_cast<uint16_t>(options.Get("port").ToNumber().Uint32Value()), &fd);
  if (failure) return Throw(info.Env(), failure);
  return Napi::Number::New(info.Env(), fd.release());
}

Napi::Value SocketPort(const Napi::CallbackInfo& info) {
  SocketAddress address;
  address.size = sizeof address.storage;
  if (getsockname(info[0].As<Napi::Number>().Int32Value(), address.get(), &address.size) < 0) {
    return Throw(info.Env(), Fail("getsockname"));
  }
  // The port stands at the same place for both families.
  uint16_t port = reinterpret_cast<sockaddr_in*>(&address.storage)->sin_port;
  return Napi::Number::New(info.Env(), ntohs(port));
}

}  // namespace

void InitPortSocket(Napi::Env env, Napi::Object exports) {
  exports.Set("bindPort", Napi::Function::New(env, BindPortCall, "bindPort"));
  exports.Set("socketPort", Napi::Function::New(env, SocketPort, "socketPort"));
}
