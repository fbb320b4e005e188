#include "shim/ports.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace {

constexpr int kBacklog = 4096;
constexpr int kEventsPerTurn = 32;

Port* ports = nullptr;
Port* ended = nullptr;
int epoll_fd = -1;

Port* Find(const char* name) {
  for (Port* port = ports; port != nullptr; port = port->next)
    if (strcmp(port->name, name) == 0) return port;
  return nullptr;
}

bool ParseTarget(const PortRequest& request, sockaddr_storage* out) {
  const uint16_t port = htons(static_cast<uint16_t>(request.port));
  auto* v4 = reinterpret_cast<sockaddr_in*>(out);
  v4->sin_port = port;
  out->ss_family = AF_INET;
  if (inet_pton(AF_INET, request.address, &v4->sin_addr) == 1) return true;
  auto* v6 = reinterpret_cast<sockaddr_in6*>(out);
  *v6 = sockaddr_in6{};
  v6->sin6_port = port;
  out->ss_family = AF_INET6;
  return inet_pton(AF_INET6, request.address, &v6->sin6_addr) == 1;
}

int Serve(Port* port) {
  const int on = 1;
  fcntl(port->fd, F_SETFL, O_NONBLOCK);
  if (port->udp) {
    // Answers must come from the address that was asked.
    if (setsockopt(port->fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof on) != 0) return errno;
  } else {
    // For whoever binds the port next, while connections of this one wait for their end.
    setsockopt(port->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (listen(port->fd, kBacklog) != 0) return errno;
  }
  port->watch.ready = port->udp ? ReceiveUdp : AcceptTcp;
  return AddWatch(&port->watch, port->fd, EPOLLIN) ? 0 : errno;
}

void Destroy(Port* port) {
  free(port->name);
  free(port);
}

void End(Port* port) {
  if (port->served && !port->paused) RemoveWatch(port->fd);
  EndFlows(port);
  close(port->fd);
  port->fd = -1;
  port->next = ended;
  ended = port;
}

void Sweep() {
  SweepTcp();
  SweepUdp();
  while (ended != nullptr) {
    Port* port = ended;
    ended = port->next;
    Destroy(port);
  }
}

}  // namespace

int HoldPort(const PortRequest& request) {
  sockaddr_storage target{};
  const bool serve = request.address[0] != 0;
  if (serve && !ParseTarget(request, &target)) return EINVAL;
  if (request.fd < 0) {
    Port* old = Find(request.name);
    if (old == nullptr) return ENOENT;
    old->target = target;
    EndFlows(old);
    return 0;
  }
  Port* port = static_cast<Port*>(calloc(1, sizeof(Port)));
  if (port == nullptr) return ENOMEM;
  port->name = strdup(request.name);
  port->fd = request.fd;
  port->target = target;
  port->served = serve;
  int type = 0;
  socklen_t size = sizeof type;
  getsockopt(port->fd, SOL_SOCKET, SO_TYPE, &type, &size);
  port->udp = type == SOCK_DGRAM;
  size = sizeof port->protocol;
  getsockopt(port->fd, SOL_SOCKET, SO_PROTOCOL, &port->protocol, &size);
  const int error = port->name == nullptr ? ENOMEM : serve ? Serve(port) : 0;
  if (error != 0) {
    Destroy(port);
    return error;
  }
  port->next = ports;
  ports = port;
  return 0;
}

int ReleasePort(const char* name) {
  for (Port** at = &ports; *at != nullptr; at = &(*at)->next) {
    Port* port = *at;
    if (strcmp(port->name, name) != 0) continue;
    *at = port->next;
    End(port);
    return 0;
  }
  return ENOENT;
}

void ReleaseAllPorts() {
  while (ports != nullptr) {
    Port* port = ports;
    ports = port->next;
    End(port);
  }
}

int PortsFd() { return epoll_fd; }

void ServePorts() {
  epoll_event events[kEventsPerTurn];
  const int count = epoll_wait(epoll_fd, events, kEventsPerTurn, 0);
  for (int i = 0; i < count; i++) {
    Watch* watch = static_cast<Watch*>(events[i].data.ptr);
    watch->ready(watch, events[i].events);
  }
  Sweep();
}

int ExpirePorts(long long now_ms) {
  int timeout = -1;
  for (Port* port = open_flows > 0 ? ports : nullptr; port != nullptr; port = port->next) {
    if (port->flows == nullptr) continue;
    const int rest = ExpireFlows(port, now_ms);
    if (rest >= 0 && (timeout < 0 || rest < timeout)) timeout = rest;
  }
  Sweep();
  return timeout;
}

int ConnectTarget(const Port* port, int type) {
  const int fd =
      socket(port->target.ss_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, port->protocol);
  const auto* target = reinterpret_cast<const sockaddr*>(&port->target);
  const socklen_t size =
      port->target.ss_family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
  if (fd < 0 || connect(fd, target, size) == 0 || errno == EINPROGRESS) return fd;
  close(fd);
  return -1;
}

bool AddWatch(Watch* watch, int fd, uint32_t events) {
  if (epoll_fd < 0) epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  epoll_event event{};
  event.events = events;
  event.data.ptr = watch;
  return epoll_fd >= 0 && epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0;
}

void ChangeWatch(Watch* watch, int fd, uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.ptr = watch;
  epoll_ctl(epoll_fd, EPOLL_CTL_MOD, fd, &event);
}

void RemoveWatch(int fd) { epoll_ctl(epoll_fd, EPOLL_CTL_DEL, fd, nullptr); }

void ResumePorts() {
  for (Port* port = ports; port != nullptr; port = port->next)
    if (port->paused) port->paused = !AddWatch(&port->watch, port->fd, EPOLLIN);
}
