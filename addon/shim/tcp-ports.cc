// Connections of IPv6 clients, carried on to the container.
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <initializer_list>

#include "shim/ports.h"

namespace {

constexpr size_t kBuffer = 64 * 1024;
constexpr int kAcceptsPerTurn = 16;
// One connection may not keep the others waiting.
constexpr int kChunksPerTurn = 8;

struct Pair;

// One of the two sockets, and what was read from it and not yet written to the other.
struct Side {
  Watch watch;
  Pair* pair;
  int fd;
  char* data;
  size_t at, size;
  uint32_t events;  // what is waited for
  bool watched;
  bool ended;  // nothing more to read
  bool told;   // the other side knows
};

struct Pair {
  Side client;
  Side server;
  bool connected;
  bool dead;
  Pair* next;
};

Pair* dead = nullptr;

Side* Other(Side* side) {
  return side == &side->pair->client ? &side->pair->server : &side->pair->client;
}

void Kill(Pair* pair) {
  if (pair->dead) return;
  pair->dead = true;
  for (Side* side : {&pair->client, &pair->server}) {
    if (side->fd >= 0) close(side->fd);
    free(side->data);
    side->data = nullptr;
  }
  pair->next = dead;
  dead = pair;
}

// false when the pair is beyond help.
bool Flush(Side* from) {
  Side* to = Other(from);
  while (from->size > 0) {
    const ssize_t put =
        send(to->fd, from->data + from->at, from->size, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return errno == EAGAIN;
    from->at += static_cast<size_t>(put);
    from->size -= static_cast<size_t>(put);
  }
  free(from->data);
  from->data = nullptr;
  if (!from->ended || from->told) return true;
  from->told = true;
  return shutdown(to->fd, SHUT_WR) == 0;
}

bool Fill(Side* from) {
  if (from->data == nullptr) from->data = static_cast<char*>(malloc(kBuffer));
  if (from->data == nullptr) return false;
  ssize_t got;
  do got = recv(from->fd, from->data, kBuffer, MSG_DONTWAIT);
  while (got < 0 && errno == EINTR);
  if (got < 0 && errno != EAGAIN) return false;
  from->ended = got == 0;
  from->at = 0;
  from->size = got > 0 ? static_cast<size_t>(got) : 0;
  return true;
}

// From one side to the other, until one of them would block.
bool Pump(Side* from) {
  for (int i = 0; i < kChunksPerTurn; i++) {
    if (!Flush(from)) return false;
    if (from->size > 0 || from->ended) return true;
    if (!Fill(from)) return false;
    if (from->size == 0 && !from->ended) return Flush(from);
  }
  return true;
}

void Await(Side* side) {
  const Pair* pair = side->pair;
  uint32_t events = 0;
  if (pair->connected && !side->ended && side->size == 0) events |= EPOLLIN;
  if (Other(side)->size > 0 || (!pair->connected && side == &pair->server)) events |= EPOLLOUT;
  if (!side->watched || events == side->events) return;
  side->events = events;
  ChangeWatch(&side->watch, side->fd, events);
}

void Ready(Watch* watch, uint32_t events) {
  Side* side = reinterpret_cast<Side*>(watch);
  Pair* pair = side->pair;
  if (pair->dead) return;
  if (!pair->connected) {
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(side->fd, SOL_SOCKET, SO_ERROR, &error, &size);
    // A client that gives up while we connect, or a server that is not there.
    if (error != 0 || side == &pair->client) return Kill(pair);
    pair->connected = true;
  }
  if (!Pump(&pair->client) || !Pump(&pair->server)) return Kill(pair);
  if (pair->client.told && pair->server.told) return Kill(pair);
  if ((events & (EPOLLHUP | EPOLLERR)) != 0 && side->ended) {
    // epoll would name it for ever; all that is left is to write to the other.
    RemoveWatch(side->fd);
    side->watched = false;
  }
  Await(&pair->client);
  Await(&pair->server);
}

bool Open(Side* side, Pair* pair, int fd, uint32_t events) {
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  side->watch.ready = Ready;
  side->pair = pair;
  side->fd = fd;
  side->events = events;
  side->watched = AddWatch(&side->watch, fd, events);
  return side->watched;
}

void Refuse(int fd) {
  // A reset, not the end of a stream that never was.
  const linger now{1, 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  close(fd);
}

void Carry(const Port* port, int client) {
  const int server = ConnectTarget(port, SOCK_STREAM);
  Pair* pair = static_cast<Pair*>(calloc(1, sizeof(Pair)));
  if (server < 0 || pair == nullptr) {
    Refuse(client);
    if (server >= 0) close(server);
    free(pair);
    return;
  }
  pair->client.fd = client;
  pair->server.fd = server;
  if (!Open(&pair->client, pair, client, 0) || !Open(&pair->server, pair, server, EPOLLOUT))
    Kill(pair);
}

}  // namespace

void AcceptTcp(Watch* watch, uint32_t) {
  Port* port = reinterpret_cast<Port*>(watch);
  for (int i = 0; i < kAcceptsPerTurn && port->fd >= 0; i++) {
    const int client = accept4(port->fd, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (client >= 0) {
      Carry(port, client);
      continue;
    }
    if (errno != EMFILE && errno != ENFILE) return;
    RemoveWatch(port->fd);
    port->paused = true;
    return;
  }
}

void SweepTcp() {
  if (dead == nullptr) return;
  while (dead != nullptr) {
    Pair* pair = dead;
    dead = pair->next;
    free(pair);
  }
  ResumePorts();
}
