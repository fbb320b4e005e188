#include "kernel/dns_server.h"

#include <fcntl.h>
#include <linux/sockios.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>

#include <cstdlib>
#include <cstring>

#include "common/errno_result.h"

namespace dns {

namespace {

constexpr size_t kMaxForwards = 256;      // of one container
constexpr size_t kMaxAllForwards = 4096;  // each holds up to three descriptors
constexpr size_t kMaxCached = 256;
constexpr size_t kMaxCachedSize = 4096;
constexpr int kHeadStartMs = 150;
constexpr size_t kMaxUpstreams = 8;
constexpr int kGiveUpMs = 4500;  // a resolver asks again after 5 s

std::string ErrorReply(const std::string& query, const Query& parsed, int code) {
  return Reply(reinterpret_cast<const uint8_t*>(query.data()), parsed, code).bytes();
}

}  // namespace

// Never destroyed: its thread may outlive main().
Server& Server::Get() {
  static Server* server = new Server;
  return *server;
}

bool Server::Post(std::function<void(Server&)> work) {
  std::lock_guard lock(mutex_);
  if (!started_ && !Start()) return false;
  posted_.push_back(std::move(work));
  has_posted_ = true;
  eventfd_write(wake_, 1);
  return true;
}

bool Server::Start() {
  epoll_ = epoll_create1(EPOLL_CLOEXEC);
  wake_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  home_.reset(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.ptr = nullptr;
  if (epoll_ < 0 || wake_ < 0 || !home_ || epoll_ctl(epoll_, EPOLL_CTL_ADD, wake_, &event) < 0)
    return false;
  sigset_t all, old;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &old);
  pthread_t thread;
  started_ = pthread_create(
                 &thread, nullptr, [](void* self) -> void* { static_cast<Server*>(self)->Run(); },
                 this) == 0;
  if (started_) pthread_detach(thread);
  pthread_sigmask(SIG_SETMASK, &old, nullptr);
  return started_;
}

void Server::Run() {
  pthread_setname_np(pthread_self(), "dns");
  epoll_event events[64];
  while (true) {
    const int count = epoll_wait(epoll_, events, 64, RunTimers());
    for (int i = 0; i < count; i++) {
      // What was told before a packet came is known when it is answered.
      if (has_posted_) RunPosted();
      auto* watched = static_cast<Watched*>(events[i].data.ptr);
      eventfd_t value;
      if (watched == nullptr)
        eventfd_read(wake_, &value);
      else if (!watched->dead)
        watched->Ready(*this, events[i].events);
    }
    if (has_posted_) RunPosted();
    graveyard_.clear();
  }
}

void Server::RunPosted() {
  std::vector<std::function<void(Server&)>> work;
  {
    std::lock_guard lock(mutex_);
    work.swap(posted_);
    has_posted_ = false;
  }
  for (auto& each : work) each(*this);
}

int Server::RunTimers() {
  while (!timers_.empty()) {
    auto first = timers_.begin();
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(first->first - Clock::now()).count();
    if (left > 0) return static_cast<int>(left) + 1;
    auto work = std::move(first->second);
    timers_.erase(first);
    work(*this);
  }
  return -1;
}

void Server::After(int milliseconds, std::function<void(Server&)> work) {
  timers_.emplace(Clock::now() + std::chrono::milliseconds(milliseconds), std::move(work));
}

bool Server::Watch(Watched* watched, uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.ptr = watched;
  return epoll_ctl(epoll_, EPOLL_CTL_ADD, watched->fd.get(), &event) == 0;
}

void Server::Rewatch(Watched* watched, uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.ptr = watched;
  epoll_ctl(epoll_, EPOLL_CTL_MOD, watched->fd.get(), &event);
}

// Events of this round may still point to it. Removed by hand, because the shim holds a duplicate
// of a listening socket, and a description leaves the set with its last descriptor only.
void Server::Bury(std::unique_ptr<Watched> watched) {
  if (!watched) return;
  watched->dead = true;
  if (watched->fd) epoll_ctl(epoll_, EPOLL_CTL_DEL, watched->fd.get(), nullptr);
  watched->fd.reset();
  graveyard_.push_back(std::move(watched));
}

Container* Server::FindContainer(const std::string& id) {
  auto found = containers_.find(id);
  return found == containers_.end() ? nullptr : found->second.get();
}

void Server::Open(const std::string& id, UniqueFd udp, UniqueFd tcp, Settings settings) {
  Close(id);
  auto container = std::make_unique<Container>();
  container->id = id;
  container->settings = std::move(settings);
  container->udp = ListenUdp(container.get(), std::move(udp));
  container->tcp = ListenTcp(container.get(), std::move(tcp));
  Watch(container->udp.get(), EPOLLIN);
  Watch(container->tcp.get(), EPOLLIN);
  containers_[id] = std::move(container);
}

void Server::Configure(const std::string& id, Settings settings) {
  Container* container = FindContainer(id);
  if (container == nullptr) return;
  container->settings = std::move(settings);
  container->cache.clear();
}

void Server::Close(const std::string& id) {
  auto found = containers_.find(id);
  if (found == containers_.end()) return;
  Container& container = *found->second;
  while (!container.forwards.empty()) Drop(*container.forwards.begin());
  for (auto& each : container.connections) Bury(std::move(each.second));
  Bury(std::move(container.udp));
  Bury(std::move(container.tcp));
  containers_.erase(found);
}

std::string Server::Handle(Container* container, const uint8_t* data, size_t size,
                           const Client& client, bool* asked) {
  Query parsed;
  if (!ParseQuery(data, size, &parsed)) return {};
  if (parsed.opcode != 0) return Reply(data, parsed, kNotImplemented).bytes();
  const size_t limit = client.connection != 0 ? kMaxSize : parsed.udp_size;
  std::string reply = names_.Answer(container->settings.view, data, parsed, limit);
  if (!reply.empty()) return reply;
  return Ask(container, data, size, parsed, client, asked);
}

std::string Server::Ask(Container* container, const uint8_t* data, size_t size, const Query& parsed,
                        const Client& client, bool* asked) {
  const bool address = parsed.type == kTypeA || parsed.type == kTypeAaaa;
  if (address && container->settings.ndots && parsed.name.find('.') == std::string::npos)
    return Reply(data, parsed).bytes();
  const size_t limit = client.connection != 0 ? kMaxSize : parsed.udp_size;
  const std::string kept = FromCache(container, CacheKey(data, size, parsed), data, limit);
  if (!kept.empty()) return kept;
  // Dropped: the resolver asks again.
  if (container->forwards.size() >= kMaxForwards || forwards_.size() >= kMaxAllForwards) {
    return client.connection == 0 ? std::string() : Reply(data, parsed, kServFail).bytes();
  }
  auto forward = std::make_unique<Forward>();
  Forward* raw = forward.get();
  raw->serial = NewSerial();
  raw->container = container;
  raw->client = client;
  raw->query.assign(reinterpret_cast<const char*>(data), size);
  raw->parsed = parsed;
  if (!AskAll(raw)) return Reply(data, parsed, kServFail).bytes();
  *asked = true;
  const uint64_t serial = raw->serial;
  container->forwards.insert(serial);
  forwards_[serial] = std::move(forward);
  After(kHeadStartMs, [serial](Server& server) { server.EndHeadStart(serial); });
  After(kGiveUpMs, [serial](Server& server) {
    auto found = server.forwards_.find(serial);
    if (found == server.forwards_.end()) return;
    Forward* late = found->second.get();
    server.Finish(late, ErrorReply(late->query, late->parsed, kServFail));
  });
  return {};
}

// True when one could be asked.
bool Server::AskAll(Forward* forward) {
  const Settings& settings = forward->container->settings;
  for (const Upstream& upstream : settings.upstreams) {
    const size_t rank = forward->exchanges.size();
    if (rank == kMaxUpstreams) break;
    if (upstream.host && !settings.external) continue;
    auto exchange = AskUpstream(*this, forward, rank, upstream);
    if (!exchange) continue;
    forward->exchanges.push_back(std::move(exchange));
    forward->open |= uint32_t{1} << rank;
  }
  return forward->open != 0;
}

// The upstreams are an order: the first one may know names that the others deny, so for a while a
// later one's answer waits for the better ones.
void Server::Answered(Forward* forward, size_t rank, std::string reply) {
  forward->open &= ~(uint32_t{1} << rank);
  if (forward->held.empty() || rank < forward->held_rank) {
    forward->held = std::move(reply);
    forward->held_rank = rank;
  }
  Decide(forward);
}

void Server::Failed(Forward* forward, size_t rank) {
  forward->open &= ~(uint32_t{1} << rank);
  Decide(forward);
}

void Server::EndHeadStart(uint64_t serial) {
  auto found = forwards_.find(serial);
  if (found == forwards_.end()) return;
  found->second->late = true;
  Decide(found->second.get());
}

void Server::Decide(Forward* forward) {
  if (forward->held.empty()) {
    if (forward->open != 0) return;
    return Finish(forward, ErrorReply(forward->query, forward->parsed, kServFail));
  }
  const uint32_t better = forward->open & ((uint32_t{1} << forward->held_rank) - 1);
  if (better == 0 || forward->late) Finish(forward, std::move(forward->held));
}

void Server::Finish(Forward* forward, std::string reply) {
  // The id and the spelling of who asked.
  memcpy(reply.data(), forward->query.data(), 2);
  memcpy(reply.data() + kHeaderSize, forward->query.data() + kHeaderSize,
         forward->parsed.question_end - kHeaderSize);
  Keep(*forward, reply);
  Container* container = forward->container;
  const Client client = forward->client;
  Drop(forward->serial);
  SendLate(*this, container, client, std::move(reply));
}

void Server::Drop(uint64_t serial) {
  auto found = forwards_.find(serial);
  if (found == forwards_.end()) return;
  for (auto& exchange : found->second->exchanges) Bury(std::move(exchange));
  found->second->container->forwards.erase(serial);
  forwards_.erase(found);
}

void Server::Keep(const Forward& forward, const std::string& reply) {
  if (reply.size() > kMaxCachedSize) return;
  const uint32_t seconds = KeepSeconds(reply);
  if (seconds == 0) return;
  auto& cache = forward.container->cache;
  if (cache.size() >= kMaxCached) cache.clear();
  const auto* query = reinterpret_cast<const uint8_t*>(forward.query.data());
  cache[CacheKey(query, forward.query.size(), forward.parsed)] = Kept{reply, Clock::now(), seconds};
}

std::string Server::FromCache(Container* container, const std::string& key, const uint8_t* data,
                              size_t limit) {
  auto found = container->cache.find(key);
  if (found == container->cache.end()) return {};
  const auto age = Clock::now() - found->second.since;
  const auto seconds =
      static_cast<uint32_t>(std::chrono::duration_cast<std::chrono::seconds>(age).count());
  if (seconds >= found->second.seconds) {
    container->cache.erase(found);
    return {};
  }
  std::string reply = found->second.reply;
  if (reply.size() > limit) return {};
  // The key is the whole question, so it is as long as the one that was kept.
  memcpy(reply.data(), data, 2);
  for (size_t i = kHeaderSize; i < reply.size() && data[i] != 0; i += data[i] + size_t{1})
    memcpy(reply.data() + i, data + i, data[i] + size_t{1});
  AgeTtls(&reply, seconds);
  return reply;
}

UniqueFd Server::OpenSocket(const Container& container, const Upstream& upstream, int type) {
  const int family = upstream.address.storage.ss_family;
  const int flags = type | SOCK_CLOEXEC | SOCK_NONBLOCK;
  if (upstream.host) return UniqueFd(socket(family, flags, 0));
  UniqueFd netns(ioctl(container.udp->fd.get(), SIOCGSKNS, 0));
  if (!netns || setns(netns.get(), CLONE_NEWNET) < 0) return UniqueFd();
  UniqueFd fd(socket(family, flags, 0));
  // Elsewhere this thread would speak for the wrong side.
  if (setns(home_.get(), CLONE_NEWNET) < 0) abort();
  return fd;
}

}  // namespace dns
