// One question to one upstream server, over a socket of its own: so the port is the kernel's random
// choice, and only that server can answer it.
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/random.h>

#include "common/errno_result.h"
#include "kernel/dns_server.h"

namespace dns {

namespace {

class Exchange : public Watched {
 public:
  Exchange(UniqueFd fd, Forward* forward, size_t rank)
      : Watched(std::move(fd)), forward_(forward), rank_(rank) {
    message_ = forward->query;
  }

  bool Begin() {
    if (getrandom(&id_, sizeof id_, GRND_NONBLOCK) != sizeof id_) return false;
    Write16(reinterpret_cast<uint8_t*>(message_.data()), id_);
    return true;
  }

 protected:
  // True when this was the answer, good or bad; all else is passed over.
  bool Take(Server& server, const uint8_t* data, size_t size) {
    const size_t end = forward_->parsed.question_end;
    if (!IsReplyTo(data, size, id_, forward_->query, end)) return false;
    std::string reply(reinterpret_cast<const char*>(data), size);
    const int code = Rcode(reply);
    if (code == kServFail || code == kRefused) {
      Fail(server);
    } else {
      End();
      server.Answered(forward_, rank_, std::move(reply));
    }
    return true;
  }

  void Fail(Server& server) {
    End();
    server.Failed(forward_, rank_);
  }

  std::string message_;

 private:
  // Closed here, freed with its question.
  void End() {
    dead = true;
    fd.reset();
  }

  Forward* forward_;
  size_t rank_;
  uint16_t id_ = 0;
};

class UdpExchange : public Exchange {
 public:
  using Exchange::Exchange;

  bool Send() {
    return Retry([&] { return send(fd.get(), message_.data(), message_.size(), MSG_NOSIGNAL); }) ==
           static_cast<ssize_t>(message_.size());
  }

  void Ready(Server& server, uint32_t) override {
    static uint8_t buffer[kMaxSize];
    const ssize_t got = Retry([&] { return recv(fd.get(), buffer, sizeof buffer, 0); });
    if (got >= 0) {
      Take(server, buffer, static_cast<size_t>(got));
    } else if (errno != EAGAIN) {
      Fail(server);
    }
  }
};

class TcpExchange : public Exchange {
 public:
  using Exchange::Exchange;

  void Frame() {
    char length[2];
    Write16(reinterpret_cast<uint8_t*>(length), static_cast<uint16_t>(message_.size()));
    message_.insert(0, length, 2);
  }

  void Ready(Server& server, uint32_t events) override {
    if ((events & EPOLLERR) != 0) return Fail(server);
    if (sent_ < message_.size()) {
      const ssize_t count =
          send(fd.get(), message_.data() + sent_, message_.size() - sent_, MSG_NOSIGNAL);
      if (count < 0) return errno == EAGAIN ? void() : Fail(server);
      sent_ += static_cast<size_t>(count);
      if (sent_ == message_.size()) server.Rewatch(this, EPOLLIN);
      return;
    }
    Receive(server);
  }

 private:
  void Receive(Server& server) {
    char buffer[16384];
    const ssize_t got = recv(fd.get(), buffer, sizeof buffer, 0);
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) return Fail(server);
    in_.append(buffer, static_cast<size_t>(got));
    const auto* data = reinterpret_cast<const uint8_t*>(in_.data());
    if (in_.size() < 2 || in_.size() < size_t{2} + Read16(data)) return;
    if (!Take(server, data + 2, Read16(data))) Fail(server);
  }

  std::string in_;
  size_t sent_ = 0;
};

}  // namespace

std::unique_ptr<Watched> AskUpstream(Server& server, Forward* forward, size_t rank,
                                     const Upstream& upstream) {
  const bool tcp = forward->client.connection != 0;
  UniqueFd fd = server.OpenSocket(*forward->container, upstream, tcp ? SOCK_STREAM : SOCK_DGRAM);
  if (!fd) return nullptr;
  Upstream to = upstream;
  const int connected = connect(fd.get(), to.address.get(), to.address.size);
  if (connected < 0 && errno != EINPROGRESS) return nullptr;
  if (tcp) {
    auto exchange = std::make_unique<TcpExchange>(std::move(fd), forward, rank);
    if (!exchange->Begin()) return nullptr;
    exchange->Frame();
    return server.Watch(exchange.get(), EPOLLOUT) ? std::move(exchange) : nullptr;
  }
  auto exchange = std::make_unique<UdpExchange>(std::move(fd), forward, rank);
  if (!exchange->Begin() || !exchange->Send()) return nullptr;
  return server.Watch(exchange.get(), EPOLLIN) ? std::move(exchange) : nullptr;
}

}  // namespace dns
