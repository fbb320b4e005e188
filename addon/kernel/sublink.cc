// Links that share a device of the host's (macvlan, ipvlan, vlan), stand-alone ones (dummy), and
// the default route of a namespace.
#include <linux/if_link.h>
#include <linux/if_vlan.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

#include "kernel/async.h"
#include "kernel/interface.h"
#include "kernel/net.h"

namespace {

struct SublinkOptions {
  std::string kind;
  std::string parent;
  uint32_t mode = 0;
  uint32_t flags = 0;
  InterfaceSetup setup;
};

struct LinkOptions {
  std::string kind;
  std::string name;
  std::string parent;
  uint32_t vlan = 0;
};

struct RouteOptions {
  int netns = -1;
  int family = AF_INET;
  std::string link;
  std::string gateway;
};

void AddMode(NetlinkBatch& batch, const SublinkOptions& o) {
  size_t data = batch.Open(IFLA_INFO_DATA);
  if (o.kind == "macvlan") {
    batch.AddU32(IFLA_MACVLAN_MODE, o.mode);
  } else {
    uint16_t mode = static_cast<uint16_t>(o.mode), flags = static_cast<uint16_t>(o.flags);
    batch.Add(IFLA_IPVLAN_MODE, &mode, sizeof mode);
    batch.Add(IFLA_IPVLAN_FLAGS, &flags, sizeof flags);
  }
  batch.Close(data);
}

// Born in the namespace: with IFLA_NET_NS_FD the parent's index is still one of ours.
Failure AttachSublink(const SublinkOptions& o) {
  NetlinkSocket route;
  if (Failure failure = route.Open(NETLINK_ROUTE)) return failure;
  int parent = 0;
  if (Failure failure = route.FindLink(o.parent, &parent)) return failure;
  NetlinkBatch batch;
  batch.Begin("RTM_NEWLINK", RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, ifinfomsg{});
  batch.AddText(IFLA_IFNAME, o.setup.name);
  batch.AddU32(IFLA_LINK, static_cast<uint32_t>(parent));
  batch.AddU32(IFLA_NET_NS_FD, static_cast<uint32_t>(o.setup.netns));
  if (o.setup.mtu) batch.AddU32(IFLA_MTU, o.setup.mtu);
  // An ipvlan has its parent's address.
  if (o.kind == "macvlan") {
    if (Failure failure = AddMac(batch, o.setup.mac)) return failure;
  }
  size_t info = batch.Open(IFLA_LINKINFO);
  batch.AddText(IFLA_INFO_KIND, o.kind);
  AddMode(batch, o);
  batch.Close(info);
  if (Failure failure = route.Transact(batch, o.kind)) return failure;
  if (Failure failure = EnterNetns(o.setup.netns)) return failure;
  Failure failure = ConfigureInterface(o.setup);
  if (!failure) return failure;
  NetlinkSocket inside;
  if (inside.Open(NETLINK_ROUTE)) return failure;
  NetlinkBatch removal;
  removal.Begin("RTM_DELLINK", RTM_DELLINK, 0, ifinfomsg{});
  removal.AddText(IFLA_IFNAME, o.setup.name);
  inside.Transact(removal, o.setup.name);
  return failure;
}

Failure AddLink(const LinkOptions& o) {
  NetlinkSocket route;
  if (Failure failure = route.Open(NETLINK_ROUTE)) return failure;
  int parent = 0;
  if (!o.parent.empty()) {
    if (Failure failure = route.FindLink(o.parent, &parent)) return failure;
  }
  ifinfomsg header{};
  header.ifi_flags = header.ifi_change = IFF_UP;
  NetlinkBatch batch;
  batch.Begin("RTM_NEWLINK", RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, header);
  batch.AddText(IFLA_IFNAME, o.name);
  if (parent) batch.AddU32(IFLA_LINK, static_cast<uint32_t>(parent));
  size_t info = batch.Open(IFLA_LINKINFO);
  batch.AddText(IFLA_INFO_KIND, o.kind);
  if (o.kind == "vlan") {
    size_t data = batch.Open(IFLA_INFO_DATA);
    uint16_t id = static_cast<uint16_t>(o.vlan);
    batch.Add(IFLA_VLAN_ID, &id, sizeof id);
    batch.Close(data);
  }
  batch.Close(info);
  return route.Transact(batch, o.name);
}

// Without a link the family's default route is taken away.
Failure ReplaceDefaultRoute(const RouteOptions& o) {
  if (Failure failure = EnterNetns(o.netns)) return failure;
  NetlinkSocket route;
  if (Failure failure = route.Open(NETLINK_ROUTE)) return failure;
  NetlinkBatch removal;
  rtmsg header{};
  header.rtm_family = static_cast<uint8_t>(o.family);
  header.rtm_table = RT_TABLE_MAIN;
  header.rtm_scope = RT_SCOPE_NOWHERE;
  removal.Begin("RTM_DELROUTE", RTM_DELROUTE, 0, header);
  if (o.link.empty()) {
    Failure failure = route.Transact(removal, "default");
    // IPv4 and IPv6 differ in how they say that there was none.
    bool none = failure.error == ESRCH || failure.error == ENOENT;
    return none ? Failure{} : failure;
  }
  int index = 0;
  if (Failure failure = route.FindLink(o.link, &index)) return failure;
  NetlinkBatch batch;
  if (Failure failure = AddDefaultRoute(batch, index, o.gateway, NLM_F_REPLACE)) return failure;
  return route.Transact(batch, o.link);
}

Napi::Value SublinkAttach(const Napi::CallbackInfo& info) {
  auto options = info[0].As<Napi::Object>();
  SublinkOptions o{TextOption(options, "kind"), TextOption(options, "parent"),
                   NumberOption(options, "mode"), NumberOption(options, "flags"),
                   InterfaceOptions(options)};
  return RunOnThread(info.Env(), [o] { return AttachSublink(o); });
}

Napi::Value LinkAdd(const Napi::CallbackInfo& info) {
  auto options = info[0].As<Napi::Object>();
  LinkOptions o{TextOption(options, "kind"), TextOption(options, "name"),
                TextOption(options, "parent"), NumberOption(options, "vlanId")};
  return RunOnThread(info.Env(), [o] { return AddLink(o); });
}

Napi::Value DefaultRoute(const Napi::CallbackInfo& info) {
  auto options = info[0].As<Napi::Object>();
  RouteOptions o{static_cast<int>(NumberOption(options, "netnsFd")),
                 NumberOption(options, "family") == 6 ? AF_INET6 : AF_INET,
                 TextOption(options, "link"), TextOption(options, "gateway")};
  return RunOnThread(info.Env(), [o] { return ReplaceDefaultRoute(o); });
}

}  // namespace

void InitSublink(Napi::Env env, Napi::Object exports) {
  exports.Set("sublinkAttach", Napi::Function::New(env, SublinkAttach, "sublinkAttach"));
  exports.Set("linkAdd", Napi::Function::New(env, LinkAdd, "linkAdd"));
  exports.Set("defaultRoute", Napi::Function::New(env, DefaultRoute, "defaultRoute"));
}
