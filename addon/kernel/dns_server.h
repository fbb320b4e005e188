#pragma once
// The embedded DNS server: one thread for all containers, woken by epoll. Everything here but Post
// belongs to that thread; the event loop sends it work and never waits for it.
#include <sys/socket.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "common/unique_fd.h"
#include "kernel/dns_names.h"

namespace dns {

using Clock = std::chrono::steady_clock;

struct Address {
  sockaddr_storage storage{};
  socklen_t size = 0;
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
};

struct Upstream {
  Address address;
  bool host = false;  // asked from the host's namespace, not the container's
};

struct Settings {
  View view;
  std::vector<Upstream> upstreams;
  bool external = false;  // false: nothing is asked from the host's namespace
  bool ndots = false;     // names without a dot are never asked elsewhere
};

class Server;

// A descriptor in the epoll set. Once dead it hears of nothing more; it is freed after the round.
class Watched {
 public:
  explicit Watched(UniqueFd fd) : fd(std::move(fd)) {}
  virtual ~Watched() = default;
  virtual void Ready(Server& server, uint32_t events) = 0;
  UniqueFd fd;
  bool dead = false;
};

struct Kept {
  std::string reply;
  Clock::time_point since;
  uint32_t seconds;
};

struct Container {
  std::string id;
  Settings settings;
  std::unique_ptr<Watched> udp, tcp;
  std::unordered_set<uint64_t> forwards;
  std::unordered_map<uint64_t, std::unique_ptr<Watched>> connections;
  std::unordered_map<std::string, Kept> cache;
};

// To whom a late reply goes: a TCP connection, or else a datagram's sender.
struct Client {
  uint64_t connection = 0;
  Address address;
};

// A question that others are asked.
struct Forward {
  uint64_t serial;
  Container* container;
  Client client;
  std::string query;
  Query parsed;
  std::vector<std::unique_ptr<Watched>> exchanges;
  uint32_t open = 0;  // ranks of the exchanges that may still answer
  // The best answer so far.
  std::string held;
  size_t held_rank = 0;
  bool late = false;  // the head start of better upstreams is over
};

class Server {
 public:
  static Server& Get();
  // From any thread: runs on the server's before it looks at another packet.
  bool Post(std::function<void(Server&)> work);

  void Open(const std::string& id, UniqueFd udp, UniqueFd tcp, Settings settings);
  void Configure(const std::string& id, Settings settings);
  void Close(const std::string& id);
  Names& names() { return names_; }

  // The reply; without one it was dropped, or with `asked` it comes later.
  std::string Handle(Container* container, const uint8_t* data, size_t size, const Client& client,
                     bool* asked);
  void Finish(Forward* forward, std::string reply);
  void Answered(Forward* forward, size_t rank, std::string reply);
  void Failed(Forward* forward, size_t rank);
  bool Watch(Watched* watched, uint32_t events);
  void Rewatch(Watched* watched, uint32_t events);
  void Bury(std::unique_ptr<Watched> watched);
  void After(int milliseconds, std::function<void(Server&)> work);
  uint64_t NewSerial() { return ++serial_; }
  Container* FindContainer(const std::string& id);
  // A socket in the container's namespace or the host's.
  UniqueFd OpenSocket(const Container& container, const Upstream& upstream, int type);

 private:
  bool Start();
  [[noreturn]] void Run();
  void RunPosted();
  int RunTimers();
  std::string Ask(Container* container, const uint8_t* data, size_t size, const Query& parsed,
                  const Client& client, bool* asked);
  bool AskAll(Forward* forward);
  void EndHeadStart(uint64_t serial);
  void Decide(Forward* forward);
  void Drop(uint64_t serial);
  void Keep(const Forward& forward, const std::string& reply);
  std::string FromCache(Container* container, const std::string& key, const uint8_t* data,
                        size_t limit);

  std::mutex mutex_;
  std::vector<std::function<void(Server&)>> posted_;
  std::atomic<bool> has_posted_ = false;
  bool started_ = false;
  int wake_ = -1;

  int epoll_ = -1;
  UniqueFd home_;
  Names names_;
  uint64_t serial_ = 0;
  std::unordered_map<std::string, std::unique_ptr<Container>> containers_;
  std::unordered_map<uint64_t, std::unique_ptr<Forward>> forwards_;
  std::vector<std::unique_ptr<Watched>> graveyard_;
  std::multimap<Clock::time_point, std::function<void(Server&)>> timers_;
};

// dns_listen.cc
std::unique_ptr<Watched> ListenUdp(Container* container, UniqueFd fd);
std::unique_ptr<Watched> ListenTcp(Container* container, UniqueFd fd);
void SendLate(Server& server, Container* container, const Client& client, std::string reply);
// dns_exchange.cc: null when it cannot even be asked.
std::unique_ptr<Watched> AskUpstream(Server& server, Forward* forward, size_t rank,
                                     const Upstream& upstream);

}  // namespace dns
