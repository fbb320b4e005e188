#include "shim/client.h"

#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <new>

#include "shim/monitor.h"

namespace {

constexpr size_t kFrameHeader = 8;
constexpr size_t kMaxClients = 1024;

bool WouldBlock() { return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR; }

// The peer takes no more output. Input it has already sent still counts.
void StopOutput(Client* client) {
  client->output = client->errors = false;
  client->queue.Clear();
  client->closing = client->closing || !client->input;
}

void SendOrQueue(Client* client, const char* header, const char* bytes, size_t count) {
  const size_t header_size = header == nullptr ? 0 : kFrameHeader;
  size_t sent = 0;
  if (client->queue.empty()) {
    iovec parts[2] = {{const_cast<char*>(header), header_size}, {const_cast<char*>(bytes), count}};
    msghdr message{};
    message.msg_iov = header == nullptr ? parts + 1 : parts;
    message.msg_iovlen = header == nullptr ? 1 : 2;
    // The descriptor's other holders decide its mode, so each call says that it will not wait.
    const ssize_t result = sendmsg(client->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (result < 0 && !WouldBlock()) return StopOutput(client);
    sent = result < 0 ? 0 : static_cast<size_t>(result);
    if (sent == header_size + count || client->queue.empty()) client->progress_ms = NowMs();
  }
  if (sent < header_size && !client->queue.Append(header + sent, header_size - sent))
    return StopOutput(client);
  const size_t done = sent > header_size ? sent - header_size : 0;
  if (!client->queue.Append(bytes + done, count - done)) StopOutput(client);
}

// Takes the detach keys out of what a terminal's client typed. Bytes of a sequence that may yet
// become the keys are held back, and let through when it does not.
bool TakeTyped(Client* client, const char* bytes, size_t count) {
  for (size_t i = 0; i < count; i++) {
    const uint8_t byte = static_cast<uint8_t>(bytes[i]);
    if (byte == client->keys[client->key_position]) {
      if (++client->key_position == client->key_count) return true;
      continue;
    }
    monitor.pending_stdin.Append(client->keys, client->key_position);
    client->key_position = byte == client->keys[0] ? 1 : 0;
    if (client->key_position == 1 && client->key_count == 1) return true;
    if (client->key_position == 0) monitor.pending_stdin.Append(bytes + i, 1);
  }
  return false;
}

void TakeInput(Client* client, const char* bytes, size_t count) {
  // Before there is a process its input gathers here.
  const bool closed = monitor.pid > 0 && monitor.stdin_fd < 0;
  if (count == 0 || closed || monitor.close_stdin_when_empty) return;
  if (!monitor.stdio.tty || client->key_count == 0) {
    monitor.pending_stdin.Append(bytes, count);
  } else if (TakeTyped(client, bytes, count)) {
    client->input = client->output = client->errors = false;
    client->queue.Clear();
    client->closing = true;
    NotifyDetached();
  }
  WriteStdin();
}

// As moby's CopyStreams: the end of a client's input is the end of the container's with StdinOnce,
// else the end of this client.
void EndInput(Client* client) {
  client->input = false;
  if (monitor.stdio.stdin_once && !monitor.stdio.tty) {
    monitor.close_stdin_when_empty = true;
    WriteStdin();
    if (client->hung_up) client->closing = true;
  } else {
    client->output = client->errors = false;
    client->closing = true;
  }
}

int HexDigit(char c) { return c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10; }

void ParseKeys(Client* client, const char* keys) {
  for (; keys[0] != 0 && keys[1] != 0 && client->key_count < kMaxDetachKeys; keys += 2)
    client->keys[client->key_count++] =
        static_cast<uint8_t>(HexDigit(keys[0]) << 4 | HexDigit(keys[1]));
}

bool Grow(Clients* clients) {
  if (clients->count < clients->capacity) return true;
  const size_t capacity = clients->capacity == 0 ? 4 : clients->capacity * 2;
  void* list = realloc(clients->list, capacity * sizeof(Client*));
  if (list == nullptr) return false;
  clients->list = static_cast<Client**>(list);
  clients->capacity = capacity;
  return true;
}

void CloseClient(Client* client) {
  shutdown(client->fd, SHUT_WR);
  // Input left unread would turn the close into a reset, which can cost the peer output.
  char waste[512];
  while (recv(client->fd, waste, sizeof waste, MSG_DONTWAIT) > 0) continue;
  shutdown(client->fd, SHUT_RDWR);
  close(client->fd);
  client->queue.Clear();
  free(client);
}

}  // namespace

int64_t NowMs() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<int64_t>(now.tv_sec) * 1000 + now.tv_nsec / 1'000'000;
}

int AddClient(int fd, const char* streams, const char* keys, const char* head, size_t head_size) {
  Clients& clients = monitor.clients;
  if (clients.count >= kMaxClients) return EMFILE;
  void* memory = malloc(sizeof(Client));
  if (memory == nullptr || !Grow(&clients)) {
    free(memory);
    return ENOMEM;
  }
  Client* client = new (memory) Client;
  client->fd = fd;
  client->input = strchr(streams, 'i') != nullptr && monitor.stdio.open_stdin;
  client->output = strchr(streams, 'o') != nullptr;
  client->errors = strchr(streams, 'e') != nullptr;
  client->framed = strchr(streams, monitor.stdio.tty ? 'f' : 'r') != nullptr ? monitor.stdio.tty
                                                                             : !monitor.stdio.tty;
  client->progress_ms = NowMs();
  ParseKeys(client, keys);
  clients.list[clients.count++] = client;
  if (client->input) TakeInput(client, head, head_size);
  return 0;
}

void BroadcastOutput(uint8_t stream, const char* bytes, size_t count) {
  const char header[kFrameHeader] = {static_cast<char>(stream),
                                     0,
                                     0,
                                     0,
                                     static_cast<char>(count >> 24),
                                     static_cast<char>(count >> 16),
                                     static_cast<char>(count >> 8),
                                     static_cast<char>(count)};
  for (size_t i = 0; i < monitor.clients.count; i++) {
    Client* client = monitor.clients.list[i];
    if (!(stream == 2 ? client->errors : client->output) || client->closing) continue;
    SendOrQueue(client, client->framed ? header : nullptr, bytes, count);
  }
}

void ReadClient(Client* client) {
  char bytes[16384];
  const ssize_t got = recv(client->fd, bytes, sizeof bytes, MSG_DONTWAIT);
  if (got > 0) return TakeInput(client, bytes, static_cast<size_t>(got));
  if (got < 0 && WouldBlock() && !client->hung_up) return;
  if (got < 0 && !WouldBlock()) client->hung_up = true;
  EndInput(client);
}

void WriteClient(Client* client) {
  while (!client->queue.empty()) {
    const ssize_t sent =
        send(client->fd, client->queue.data(), client->queue.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0 && !WouldBlock()) return StopOutput(client);
    if (sent <= 0) return;
    client->progress_ms = NowMs();
    client->queue.Consume(static_cast<size_t>(sent));
  }
}

bool ClientsLag() {
  for (size_t i = 0; i < monitor.clients.count; i++)
    if (monitor.clients.list[i]->queue.size() >= kClientBuffer) return true;
  return false;
}

int ExpireClients(int64_t now_ms) {
  int64_t next = -1;
  for (size_t i = 0; i < monitor.clients.count; i++) {
    Client* client = monitor.clients.list[i];
    // Only those in whose way something stands: the container, or the end of the shim.
    if (client->queue.size() < kClientBuffer && !client->closing) continue;
    const int64_t left = client->progress_ms + kStallLimitMs - now_ms;
    if (left <= 0) {
      client->input = false;
      StopOutput(client);
    } else if (next < 0 || left < next) {
      next = left;
    }
  }
  return static_cast<int>(next);
}

void SweepClients() {
  Clients& clients = monitor.clients;
  size_t kept = 0;
  for (size_t i = 0; i < clients.count; i++) {
    Client* client = clients.list[i];
    if (client->closing && client->queue.empty())
      CloseClient(client);
    else
      clients.list[kept++] = client;
  }
  clients.count = kept;
}

void FinishClients() {
  for (size_t i = 0; i < monitor.clients.count; i++) {
    Client* client = monitor.clients.list[i];
    client->input = client->output = client->errors = false;
    client->closing = true;
    client->progress_ms = NowMs();
  }
}

void WriteStdin() {
  Queue& pending = monitor.pending_stdin;
  while (!pending.empty() && monitor.stdin_fd >= 0) {
    const ssize_t written = write(monitor.stdin_fd, pending.data(), pending.size());
    if (written > 0) {
      pending.Consume(static_cast<size_t>(written));
    } else if (written < 0 && errno == EAGAIN) {
      return;
    } else if (written < 0 && errno != EINTR) {
      pending.Clear();  // nobody reads it any more; a terminal's master stays open for output
      if (!monitor.stdio.tty) monitor.close_stdin_when_empty = true;
    }
  }
  if (!monitor.close_stdin_when_empty || monitor.stdin_fd < 0 || monitor.stdio.tty) return;
  close(monitor.stdin_fd);
  monitor.stdin_fd = -1;
}
