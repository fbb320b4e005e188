// Datagrams of IPv6 clients, carried on to the container: a socket for each client, so
// that answers find their way back.
#include <sys/epoll.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "shim/client.h"
#include "shim/ports.h"

// One client of a port.
struct Flow {
  Watch watch;
  Port* port;
  int fd;
  sockaddr_in6 client;
  in6_pktinfo asked;  // the address and link that it sent to
  long long used_ms;
  Flow* next;
};

int open_flows = 0;

namespace {

// As long as docker-proxy waits.
constexpr long long kIdleMs = 90 * 1000;
constexpr int kFlowsPerPort = 4096;
constexpr int kDatagramsPerTurn = 32;
constexpr size_t kDatagram = 64 * 1024;

Flow* ended = nullptr;
char datagram[kDatagram];

union Control {
  char bytes[CMSG_SPACE(sizeof(in6_pktinfo))];
  cmsghdr align;
};

void End(Flow* flow) {
  close(flow->fd);
  flow->fd = -1;
  open_flows--;
  flow->next = ended;
  ended = flow;
}

// The container answers a client.
void Answer(Watch* watch, uint32_t) {
  Flow* flow = reinterpret_cast<Flow*>(watch);
  for (int i = 0; i < kDatagramsPerTurn && flow->fd >= 0; i++) {
    const ssize_t got = recv(flow->fd, datagram, kDatagram, MSG_DONTWAIT);
    if (got < 0) return;  // also ECONNREFUSED: it may listen later
    iovec part{datagram, static_cast<size_t>(got)};
    Control control{};
    msghdr message{};
    message.msg_name = &flow->client;
    message.msg_namelen = sizeof flow->client;
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.bytes;
    message.msg_controllen = sizeof control.bytes;
    cmsghdr* info = CMSG_FIRSTHDR(&message);
    info->cmsg_level = IPPROTO_IPV6;
    info->cmsg_type = IPV6_PKTINFO;
    info->cmsg_len = CMSG_LEN(sizeof flow->asked);
    memcpy(CMSG_DATA(info), &flow->asked, sizeof flow->asked);
    sendmsg(flow->port->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    flow->used_ms = NowMs();
  }
}

bool SameClient(const sockaddr_in6& a, const sockaddr_in6& b) {
  return a.sin6_port == b.sin6_port && a.sin6_scope_id == b.sin6_scope_id &&
         memcmp(&a.sin6_addr, &b.sin6_addr, sizeof a.sin6_addr) == 0;
}

Flow* OpenFlow(Port* port, const sockaddr_in6& client) {
  const int fd = ConnectTarget(port, SOCK_DGRAM);
  if (fd < 0) return nullptr;
  Flow* flow = static_cast<Flow*>(calloc(1, sizeof(Flow)));
  if (flow != nullptr) flow->watch.ready = Answer;
  if (flow == nullptr || !AddWatch(&flow->watch, fd, EPOLLIN)) {
    close(fd);
    free(flow);
    return nullptr;
  }
  flow->port = port;
  flow->fd = fd;
  flow->client = client;
  flow->next = port->flows;
  port->flows = flow;
  open_flows++;
  return flow;
}

Flow* FlowOf(Port* port, const sockaddr_in6& client) {
  int count = 0;
  for (Flow* flow = port->flows; flow != nullptr; flow = flow->next, count++)
    if (SameClient(flow->client, client)) return flow;
  return count < kFlowsPerPort ? OpenFlow(port, client) : nullptr;
}

void ReadAsked(msghdr* message, in6_pktinfo* out) {
  for (cmsghdr* c = CMSG_FIRSTHDR(message); c != nullptr; c = CMSG_NXTHDR(message, c))
    if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO)
      memcpy(out, CMSG_DATA(c), sizeof *out);
}

}  // namespace

void ReceiveUdp(Watch* watch, uint32_t) {
  Port* port = reinterpret_cast<Port*>(watch);
  for (int i = 0; i < kDatagramsPerTurn && port->fd >= 0; i++) {
    sockaddr_in6 client{};
    Control control{};
    iovec part{datagram, kDatagram};
    msghdr message{};
    message.msg_name = &client;
    message.msg_namelen = sizeof client;
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.bytes;
    message.msg_controllen = sizeof control.bytes;
    const ssize_t got = recvmsg(port->fd, &message, MSG_DONTWAIT);
    if (got < 0) return;
    Flow* flow = FlowOf(port, client);
    if (flow == nullptr) continue;  // lost, as datagrams may be
    ReadAsked(&message, &flow->asked);
    flow->used_ms = NowMs();
    send(flow->fd, datagram, static_cast<size_t>(got), MSG_DONTWAIT | MSG_NOSIGNAL);
  }
}

void EndFlows(Port* port) {
  while (port->flows != nullptr) {
    Flow* flow = port->flows;
    port->flows = flow->next;
    End(flow);
  }
}

int ExpireFlows(Port* port, long long now_ms) {
  long long least = kIdleMs;
  for (Flow** at = &port->flows; *at != nullptr;) {
    Flow* flow = *at;
    const long long rest = flow->used_ms + kIdleMs - now_ms;
    if (rest <= 0) {
      *at = flow->next;
      End(flow);
      continue;
    }
    if (rest < least) least = rest;
    at = &flow->next;
  }
  return port->flows == nullptr ? -1 : static_cast<int>(least);
}

void SweepUdp() {
  while (ended != nullptr) {
    Flow* flow = ended;
    ended = flow->next;
    free(flow);
  }
}
