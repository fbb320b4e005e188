// The embedded DNS server as JavaScript sees it: sockets in a container's namespace, and what is
// told to the server's thread.
#include <dirent.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <cstring>

#include "common/unique_fd.h"
#include "kernel/args.h"
#include "kernel/async.h"
#include "kernel/binding.h"
#include "kernel/dns_server.h"
#include "kernel/inet.h"

namespace {

// 127.0.0.11, where Docker's containers find theirs.
constexpr uint32_t kListenAddress = 0x7f00000b;
constexpr uint16_t kPort = 53;
// Questions that wait for the next daemon.
constexpr int kReceiveBuffer = 1 << 20;

struct Sockets {
  UniqueFd udp, tcp;
};

sockaddr_in ListenAddress() {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(kListenAddress);
  return address;
}

// On a port of the kernel's choice: 53 itself must stay free for a server in the container that
// listens on all addresses. From `lo` alone, whatever the container does to its routes.
Failure Listen(int type, UniqueFd* out) {
  const sockaddr_in address = ListenAddress();
  out->reset(socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!*out) return Fail("socket");
  const int fd = out->get();
  if (setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "lo", 3) < 0) return Fail("setsockopt", "lo");
  if (type == SOCK_DGRAM)
    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &kReceiveBuffer, sizeof kReceiveBuffer);
  if (bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0)
    return Fail("bind", "127.0.0.11");
  return type == SOCK_STREAM && listen(fd, 64) < 0 ? Fail("listen") : Failure{};
}

Failure MakeSockets(int netns, Sockets* out) {
  if (setns(netns, CLONE_NEWNET) < 0) return Fail("setns");
  if (Failure failure = Listen(SOCK_DGRAM, &out->udp)) return failure;
  return Listen(SOCK_STREAM, &out->tcp);
}

bool IsOurs(int fd, int* type) {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  char device[IFNAMSIZ] = "";
  socklen_t device_size = sizeof device, type_size = sizeof *type;
  return getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0 &&
         address.sin_family == AF_INET && address.sin_addr.s_addr == htonl(kListenAddress) &&
         getsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, device, &device_size) == 0 &&
         strcmp(device, "lo") == 0 && getsockopt(fd, SOL_SOCKET, SO_TYPE, type, &type_size) == 0;
}

// The sockets that a shim holds. Which of its descriptors they are nobody noted.
Failure FindSockets(int pid, Sockets* out) {
  const std::string path = "/proc/" + std::to_string(pid) + "/fd";
  UniqueFd pidfd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  if (!pidfd) return Fail("pidfd_open");
  DIR* directory = opendir(path.c_str());
  if (directory == nullptr) return Fail("opendir", path);
  while (dirent* entry = readdir(directory)) {
    char target[32] = "";
    if (readlinkat(dirfd(directory), entry->d_name, target, sizeof target - 1) < 0) continue;
    if (strncmp(target, "socket:", 7) != 0) continue;
    UniqueFd fd(static_cast<int>(syscall(SYS_pidfd_getfd, pidfd.get(), atoi(entry->d_name), 0)));
    int type = 0;
    if (!fd || !IsOurs(fd.get(), &type)) continue;
    (type == SOCK_DGRAM ? out->udp : out->tcp) = std::move(fd);
  }
  closedir(directory);
  return {};
}

int PortOf(int fd) {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  return ntohs(address.sin_port);
}

Napi::Value Answer(Napi::Env env, Sockets* sockets) {
  if (!sockets->udp || !sockets->tcp) return env.Undefined();
  auto answer = Napi::Object::New(env);
  answer.Set("udpPort", PortOf(sockets->udp.get()));
  answer.Set("tcpPort", PortOf(sockets->tcp.get()));
  answer.Set("udpFd", sockets->udp.release());
  answer.Set("tcpFd", sockets->tcp.release());
  return answer;
}

Napi::Value DnsSockets(const Napi::CallbackInfo& info) {
  auto sockets = std::make_shared<Sockets>();
  const int netns = IntArg(info, 0);
  return RunOnThread(
      info.Env(), [=] { return MakeSockets(netns, sockets.get()); },
      [=](Napi::Env env) { return Answer(env, sockets.get()); });
}

Napi::Value DnsSocketsOf(const Napi::CallbackInfo& info) {
  auto sockets = std::make_shared<Sockets>();
  const int pid = IntArg(info, 0);
  return RunAsync(
      info.Env(), [=] { return FindSockets(pid, sockets.get()); },
      [=](Napi::Env env) { return Answer(env, sockets.get()); });
}

// 4 or 16 bytes, empty for what is no address.
std::string AddressBytes(const std::string& text) {
  InetPrefix address;
  if (!InetPrefix::Parse(text, &address)) return {};
  return std::string(reinterpret_cast<char*>(address.bytes), address.size());
}

bool ParseUpstream(const std::string& text, dns::Address* out) {
  const size_t zone = text.find('%');
  const std::string bytes = AddressBytes(text.substr(0, zone));
  if (bytes.size() == 4) {
    auto* v4 = reinterpret_cast<sockaddr_in*>(&out->storage);
    v4->sin_family = AF_INET;
    v4->sin_port = htons(kPort);
    memcpy(&v4->sin_addr, bytes.data(), 4);
    out->size = sizeof *v4;
  } else if (bytes.size() == 16) {
    auto* v6 = reinterpret_cast<sockaddr_in6*>(&out->storage);
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(kPort);
    memcpy(&v6->sin6_addr, bytes.data(), 16);
    if (zone != std::string::npos) v6->sin6_scope_id = if_nametoindex(text.c_str() + zone + 1);
    out->size = sizeof *v6;
  }
  return out->size > 0;
}

std::vector<std::string> AddressList(const Napi::Object& o, const char* key) {
  std::vector<std::string> result;
  for (const std::string& text : Strings(o, key)) {
    std::string bytes = AddressBytes(text);
    if (!bytes.empty()) result.push_back(std::move(bytes));
  }
  return result;
}

template <typename Visit>
void Each(const Napi::Object& o, const char* key, Visit visit) {
  auto array = o.Get(key).As<Napi::Array>();
  for (uint32_t i = 0; i < array.Length(); i++) visit(array.Get(i).As<Napi::Object>());
}

dns::Settings ReadSettings(const Napi::Object& o) {
  dns::Settings settings;
  Each(o, "networks", [&](const Napi::Object& network) {
    dns::View::Membership member;
    member.network_id = Str(network, "id");
    Each(network, "aliases", [&](const Napi::Object& alias) {
      member.aliases[Str(alias, "alias")] = Str(alias, "name");
    });
    settings.view.memberships.push_back(std::move(member));
  });
  Each(o, "fixed", [&](const Napi::Object& fixed) {
    settings.view.fixed[Str(fixed, "name")] = AddressList(fixed, "addresses");
  });
  Each(o, "upstreams", [&](const Napi::Object& server) {
    dns::Upstream upstream;
    upstream.host = Bool(server, "host");
    if (ParseUpstream(Str(server, "address"), &upstream.address))
      settings.upstreams.push_back(upstream);
  });
  settings.external = Bool(o, "external");
  settings.ndots = Bool(o, "ndots");
  return settings;
}

Napi::Value Posted(const Napi::CallbackInfo& info, std::function<void(dns::Server&)> work) {
  if (dns::Server::Get().Post(std::move(work))) return info.Env().Undefined();
  return Throw(info.Env(), Failure{EAGAIN, "pthread_create", "dns"});
}

Napi::Value DnsServe(const Napi::CallbackInfo& info) {
  auto o = info[0].As<Napi::Object>();
  auto sockets = std::make_shared<Sockets>();
  sockets->udp.reset(fcntl(Int(o, "udpFd"), F_DUPFD_CLOEXEC, 0));
  sockets->tcp.reset(fcntl(Int(o, "tcpFd"), F_DUPFD_CLOEXEC, 0));
  if (!sockets->udp || !sockets->tcp) return Throw(info.Env(), Fail("fcntl"));
  return Posted(info, [id = Str(o, "id"), sockets, settings = ReadSettings(o)](dns::Server& s) {
    s.Open(id, std::move(sockets->udp), std::move(sockets->tcp), settings);
  });
}

Napi::Value DnsConfigure(const Napi::CallbackInfo& info) {
  auto o = info[0].As<Napi::Object>();
  return Posted(info, [id = Str(o, "id"), settings = ReadSettings(o)](dns::Server& s) {
    s.Configure(id, settings);
  });
}

Napi::Value DnsClose(const Napi::CallbackInfo& info) {
  return Posted(info, [id = StrArg(info, 0)](dns::Server& s) { s.Close(id); });
}

Napi::Value DnsName(const Napi::CallbackInfo& info) {
  auto o = info[0].As<Napi::Object>();
  dns::Endpoint endpoint{Strings(o, "names"), AddressList(o, "addresses")};
  return Posted(
      info, [network = Str(o, "networkId"), name = Str(o, "networkName"), id = Str(o, "endpointId"),
             endpoint](dns::Server& s) { s.names().Ensure(network, name).Set(id, endpoint); });
}

Napi::Value DnsForget(const Napi::CallbackInfo& info) {
  auto o = info[0].As<Napi::Object>();
  return Posted(info, [network = Str(o, "networkId"), id = Str(o, "endpointId")](dns::Server& s) {
    s.names().Drop(network, id);
  });
}

}  // namespace

void InitDns(Napi::Env env, Napi::Object exports) {
  exports.Set("dnsSockets", Napi::Function::New(env, DnsSockets, "dnsSockets"));
  exports.Set("dnsSocketsOf", Napi::Function::New(env, DnsSocketsOf, "dnsSocketsOf"));
  exports.Set("dnsServe", Napi::Function::New(env, DnsServe, "dnsServe"));
  exports.Set("dnsConfigure", Napi::Function::New(env, DnsConfigure, "dnsConfigure"));
  exports.Set("dnsClose", Napi::Function::New(env, DnsClose, "dnsClose"));
  exports.Set("dnsName", Napi::Function::New(env, DnsName, "dnsName"));
  exports.Set("dnsForget", Napi::Function::New(env, DnsForget, "dnsForget"));
}
