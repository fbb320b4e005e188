// Network namespaces. The other network functions stand in interface.cc, link.cc,
// sublink.cc, link-list.cc, conntrack.cc, port-socket.cc, nft.cc and nft-monitor.cc.
#include "kernel/net.h"

#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sched.h>

#include <memory>
#include <utility>
#include <vector>

#include "kernel/async.h"
#include "kernel/binding.h"
#include "kernel/interface.h"
#include "kernel/netlink.h"

namespace {

using Sysctls = std::vector<std::pair<std::string, std::string>>;

Failure LoopbackUp() {
  NetlinkSocket route;
  if (Failure failure = route.Open(NETLINK_ROUTE)) return failure;
  ifinfomsg lo{};
  lo.ifi_index = 1;
  lo.ifi_flags = lo.ifi_change = IFF_UP;
  NetlinkBatch batch;
  batch.Begin("RTM_NEWLINK", RTM_NEWLINK, 0, lo);
  return route.Transact(batch, "lo");
}

// On a thread of its own: /proc/sys/net shows the namespace of the thread that looks.
Failure CreateNetns(const Sysctls& sysctls, UniqueFd* netns) {
  if (unshare(CLONE_NEWNET) < 0) return Fail("unshare");
  for (const auto& [name, value] : sysctls) {
    if (Failure failure = WriteSysctl(name, value)) return failure;
  }
  if (Failure failure = LoopbackUp()) return failure;
  netns->reset(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
  return *netns ? Failure{} : Fail("open", "/proc/thread-self/ns/net");
}

Sysctls SysctlsOf(const Napi::Object& options) {
  Sysctls result;
  Napi::Value given = options.Get("sysctls");
  if (!given.IsObject()) return result;
  Napi::Object object = given.As<Napi::Object>();
  Napi::Array names = object.GetPropertyNames();
  for (uint32_t i = 0; i < names.Length(); i++) {
    std::string name = names.Get(i).ToString();
    result.emplace_back(name, object.Get(name).ToString().Utf8Value());
  }
  return result;
}

Napi::Value NetnsCreate(const Napi::CallbackInfo& info) {
  auto netns = std::make_shared<UniqueFd>();
  return RunOnThread(
      info.Env(),
      [sysctls = SysctlsOf(info[0].As<Napi::Object>()), netns] {
        return CreateNetns(sysctls, netns.get());
      },
      [netns](Napi::Env env) { return Napi::Number::New(env, netns->release()); });
}

Napi::Value NsOpen(const Napi::CallbackInfo& info) {
  int pid = info[0].As<Napi::Number>().Int32Value();
  std::string name = info[1].ToString();
  std::string path = "/proc/" + std::to_string(pid) + "/ns/" + name;
  int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return Throw(info.Env(), Fail("open", path));
  return Napi::Number::New(info.Env(), fd);
}

}  // namespace

void InitNet(Napi::Env env, Napi::Object exports) {
  exports.Set("netnsCreate", Napi::Function::New(env, NetnsCreate, "netnsCreate"));
  exports.Set("nsOpen", Napi::Function::New(env, NsOpen, "nsOpen"));
  InitLink(env, exports);
  InitSublink(env, exports);
  InitLinkList(env, exports);
  InitConntrack(env, exports);
  InitNftMonitor(env, exports);
  InitLegacyTable(env, exports);
  InitPortSocket(env, exports);
}
