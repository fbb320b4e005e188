// The filter table of iptables' older kind, read as iptables-legacy does
// (kernel: net/ipv4/netfilter/ip_tables.c). The uapi headers are no C++, and all of it is read in
// TypeScript anyway.
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstring>
#include <vector>

#include "common/unique_fd.h"
#include "kernel/async.h"
#include "kernel/net.h"

namespace {

// IPT_SO_GET_INFO, IPT_SO_GET_ENTRIES; the same numbers in both families.
constexpr int kGetInfo = 64;
constexpr int kGetEntries = 65;
// struct ipt_getinfo: name, valid_hooks, five hook entries, five underflows, num_entries, size.
constexpr size_t kNameSize = 32;
constexpr size_t kInfoSize = kNameSize + 4 + 20 + 20 + 4 + 4;
constexpr size_t kSizeInInfo = kInfoSize - 4;
// struct ipt_get_entries: name, size, padding before the first entry.
constexpr size_t kEntriesAt = 40;
// The table grew between the two questions.
constexpr int kAttempts = 8;

struct Table {
  std::array<char, kInfoSize> info{};
  std::vector<char> entries;
};

Failure Read(int fd, int level, Table* out) {
  socklen_t length = kInfoSize;
  memset(out->info.data(), 0, kInfoSize);
  memcpy(out->info.data(), "filter", sizeof "filter");
  if (getsockopt(fd, level, kGetInfo, out->info.data(), &length) < 0) return Fail("getsockopt");
  uint32_t size;
  memcpy(&size, out->info.data() + kSizeInInfo, sizeof size);
  std::vector<char> request(kEntriesAt + size);
  memcpy(request.data(), "filter", sizeof "filter");
  memcpy(request.data() + kNameSize, &size, sizeof size);
  length = static_cast<socklen_t>(request.size());
  if (getsockopt(fd, level, kGetEntries, request.data(), &length) < 0) return Fail("getsockopt");
  out->entries.assign(request.begin() + kEntriesAt, request.end());
  return {};
}

Napi::Value LegacyTable(const Napi::CallbackInfo& info) {
  bool v4 = info[0].ToNumber().Int32Value() == 4;
  UniqueFd fd(socket(v4 ? AF_INET : AF_INET6, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW));
  if (!fd) return Throw(info.Env(), Fail("socket", "raw"));
  Table table;
  Failure failure;
  for (int i = 0; i < kAttempts; i++) {
    failure = Read(fd.get(), v4 ? IPPROTO_IP : IPPROTO_IPV6, &table);
    if (failure.error != EAGAIN) break;
  }
  if (failure.error == ENOPROTOOPT || failure.error == ENOENT) return info.Env().Undefined();
  if (failure) return Throw(info.Env(), failure);
  auto result = Napi::Object::New(info.Env());
  result.Set("info", Napi::Buffer<char>::Copy(info.Env(), table.info.data(), table.info.size()));
  result.Set("entries",
             Napi::Buffer<char>::Copy(info.Env(), table.entries.data(), table.entries.size()));
  return result;
}

}  // namespace

void InitLegacyTable(Napi::Env env, Napi::Object exports) {
  exports.Set("legacyTable", Napi::Function::New(env, LegacyTable, "legacyTable"));
}
