// A container's side: datagrams in batches, and TCP connections.
#include <netinet/in.h>
#include <sys/epoll.h>

#include <cstring>

#include "common/errno_result.h"
#include "kernel/dns_server.h"

namespace dns {

namespace {

constexpr int kBatch = 32;
constexpr size_t kMaxDatagram = 4096;
constexpr size_t kMaxConnections = 64;
constexpr size_t kMaxUnsent = 256 * 1024;
constexpr int kIdleMs = 10'000;
constexpr int kPauseMs = 200;

// Where a batch is received; there is one thread.
struct Batch {
  mmsghdr headers[kBatch];
  iovec parts[kBatch];
  sockaddr_storage senders[kBatch];
  uint8_t data[kBatch][kMaxDatagram];

  int Receive(int fd) {
    for (int i = 0; i < kBatch; i++) {
      parts[i] = {data[i], kMaxDatagram};
      headers[i] = {};
      headers[i].msg_hdr.msg_name = &senders[i];
      headers[i].msg_hdr.msg_namelen = sizeof senders[i];
      headers[i].msg_hdr.msg_iov = &parts[i];
      headers[i].msg_hdr.msg_iovlen = 1;
    }
    return recvmmsg(fd, headers, kBatch, MSG_DONTWAIT, nullptr);
  }
};

class UdpListener : public Watched {
 public:
  UdpListener(Container* container, UniqueFd fd) : Watched(std::move(fd)), container_(container) {}

  void Ready(Server& server, uint32_t) override {
    static Batch batch;
    const int count = batch.Receive(fd.get());
    std::string replies[kBatch];
    mmsghdr headers[kBatch];
    iovec parts[kBatch];
    unsigned ready = 0;
    for (int i = 0; i < count; i++) {
      msghdr& from = batch.headers[i].msg_hdr;
      if ((from.msg_flags & MSG_TRUNC) != 0) continue;
      Client client;
      client.address.size = from.msg_namelen;
      memcpy(&client.address.storage, from.msg_name, from.msg_namelen);
      bool asked = false;
      replies[i] =
          server.Handle(container_, batch.data[i], batch.headers[i].msg_len, client, &asked);
      if (replies[i].empty()) continue;
      parts[ready] = {replies[i].data(), replies[i].size()};
      headers[ready] = {};
      headers[ready].msg_hdr.msg_name = from.msg_name;
      headers[ready].msg_hdr.msg_namelen = from.msg_namelen;
      headers[ready].msg_hdr.msg_iov = &parts[ready];
      headers[ready].msg_hdr.msg_iovlen = 1;
      ready++;
    }
    Send(headers, ready);
  }

 private:
  void Send(mmsghdr* headers, unsigned count) {
    unsigned sent = 0;
    while (sent < count) {
      const int done =
          sendmmsg(fd.get(), headers + sent, count - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
      // One that cannot be sent must not keep back the others.
      sent += done > 0 ? static_cast<unsigned>(done) : 1;
    }
  }

  Container* container_;
};

class Connection : public Watched {
 public:
  Connection(Container* container, UniqueFd fd, uint64_t serial)
      : Watched(std::move(fd)), container_(container), serial_(serial) {}

  void Ready(Server& server, uint32_t events) override {
    if ((events & (EPOLLERR | EPOLLHUP)) != 0) return Close(server);
    if ((events & EPOLLIN) != 0 && !Receive()) return Close(server);
    Advance(server);
  }

  void Late(Server& server, const std::string& reply) {
    waiting_ = false;
    Append(reply);
    Advance(server);
  }

  void Idle(Server& server) {
    if (!active_) return Close(server);
    active_ = false;
    const std::string id = container_->id;
    server.After(kIdleMs, [id, serial = serial_](Server& s) { CloseIdle(s, id, serial); });
  }

  static void CloseIdle(Server& server, const std::string& id, uint64_t serial) {
    Container* container = server.FindContainer(id);
    if (container == nullptr) return;
    auto found = container->connections.find(serial);
    if (found != container->connections.end())
      static_cast<Connection*>(found->second.get())->Idle(server);
  }

 private:
  // False when it is broken.
  bool Receive() {
    char buffer[16384];
    const ssize_t got = recv(fd.get(), buffer, sizeof buffer, MSG_DONTWAIT);
    if (got < 0) return errno == EAGAIN || errno == EINTR;
    active_ = true;
    ended_ = ended_ || got == 0;
    in_.append(buffer, static_cast<size_t>(got));
    return true;
  }

  void Append(const std::string& reply) {
    char length[2];
    Write16(reinterpret_cast<uint8_t*>(length), static_cast<uint16_t>(reply.size()));
    out_.append(length, 2);
    out_.append(reply);
  }

  // One question at a time is asked elsewhere.
  void Process(Server& server) {
    size_t at = 0;
    while (!waiting_ && out_.size() < kMaxUnsent && in_.size() - at >= 2) {
      const auto* data = reinterpret_cast<const uint8_t*>(in_.data()) + at;
      const size_t size = Read16(data);
      if (in_.size() - at < 2 + size) break;
      Client client;
      client.connection = serial_;
      const std::string reply = server.Handle(container_, data + 2, size, client, &waiting_);
      at += 2 + size;
      if (!reply.empty()) Append(reply);
      // It was no question: nothing that follows makes sense.
      if (reply.empty() && !waiting_) ended_ = true, at = in_.size();
    }
    in_.erase(0, at);
  }

  void Advance(Server& server) {
    Process(server);
    if (!out_.empty()) {
      const ssize_t count = send(fd.get(), out_.data(), out_.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
      if (count < 0 && errno != EAGAIN) return Close(server);
      if (count > 0) out_.erase(0, static_cast<size_t>(count));
    }
    if (ended_ && out_.empty() && !waiting_) return Close(server);
    const bool reads = !ended_ && !waiting_ && out_.size() < kMaxUnsent;
    server.Rewatch(this, (reads ? EPOLLIN : 0u) | (out_.empty() ? 0u : EPOLLOUT));
  }

  void Close(Server& server) {
    auto found = container_->connections.find(serial_);
    if (found == container_->connections.end()) return;
    auto self = std::move(found->second);
    container_->connections.erase(found);
    server.Bury(std::move(self));
  }

  Container* container_;
  uint64_t serial_;
  std::string in_, out_;
  bool waiting_ = false, ended_ = false, active_ = true;
};

class TcpListener : public Watched {
 public:
  TcpListener(Container* container, UniqueFd fd) : Watched(std::move(fd)), container_(container) {}

  void Ready(Server& server, uint32_t) override {
    UniqueFd fd(accept4(this->fd.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!fd && (errno == EMFILE || errno == ENFILE)) return Pause(server);
    if (!fd || container_->connections.size() >= kMaxConnections) return;
    const uint64_t serial = server.NewSerial();
    auto connection = std::make_unique<Connection>(container_, std::move(fd), serial);
    if (!server.Watch(connection.get(), EPOLLIN)) return;
    connection->Idle(server);
    container_->connections[serial] = std::move(connection);
  }

 private:
  // Else it would be readable again at once.
  void Pause(Server& server) {
    server.Rewatch(this, 0);
    server.After(kPauseMs, [id = container_->id](Server& s) {
      Container* container = s.FindContainer(id);
      if (container != nullptr) s.Rewatch(container->tcp.get(), EPOLLIN);
    });
  }

  Container* container_;
};

}  // namespace

std::unique_ptr<Watched> ListenUdp(Container* container, UniqueFd fd) {
  return std::make_unique<UdpListener>(container, std::move(fd));
}

std::unique_ptr<Watched> ListenTcp(Container* container, UniqueFd fd) {
  return std::make_unique<TcpListener>(container, std::move(fd));
}

void SendLate(Server& server, Container* container, const Client& client, std::string reply) {
  if (client.connection == 0) {
    Address to = client.address;
    sendto(container->udp->fd.get(), reply.data(), reply.size(), MSG_DONTWAIT | MSG_NOSIGNAL,
           to.get(), to.size);
    return;
  }
  auto found = container->connections.find(client.connection);
  if (found != container->connections.end())
    static_cast<Connection*>(found->second.get())->Late(server, reply);
}

}  // namespace dns
