// Bridges and veth pairs over rtnetlink (rtnetlink(7), and the kernel's net/core/rtnetlink.c).
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>

#include <memory>
#include <optional>

#include "kernel/async.h"
#include "kernel/interface.h"
#include "kernel/net.h"
#include "kernel/netlink.h"

namespace {

using Strings = InterfaceSetup::Strings;

struct BridgeOptions {
  std::string name;
  Strings addresses;
  uint32_t mtu = 0;
  std::string mac;
};

// A port of a bridge, and for a veth its other end.
struct PortOptions {
  std::string bridge;
  std::string host_name;
  bool isolated = false;
  InterfaceSetup peer;
};

Failure CreateBridge(NetlinkSocket& route, const BridgeOptions& o, bool* created) {
  NetlinkBatch batch;
  batch.Begin("RTM_NEWLINK", RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, ifinfomsg{});
  batch.AddText(IFLA_IFNAME, o.name);
  if (Failure failure = AddMac(batch, o.mac)) return failure;
  size_t info = batch.Open(IFLA_LINKINFO);
  batch.AddText(IFLA_INFO_KIND, "bridge");
  batch.Close(info);
  Failure failure = route.Transact(batch, o.name);
  *created = !failure;
  return failure.error == EEXIST ? Failure{} : failure;
}

Failure EnsureBridge(const BridgeOptions& o, int* index, bool* created) {
  NetlinkSocket route;
  if (Failure failure = route.Open(NETLINK_ROUTE)) return failure;
  if (Failure failure = CreateBridge(route, o, created)) return failure;
  if (Failure failure = route.FindLink(o.name, index)) return failure;
  NetlinkBatch batch;
  for (const std::string& address : o.addresses) {
    if (Failure failure = AddAddress(batch, *index, address)) return failure;
  }
  SetLinkUp(batch, *index);
  if (o.mtu) batch.AddU32(IFLA_MTU, o.mtu);
  return route.Transact(batch, o.name);
}

// Both ends in one message: the host end up and in the bridge, the peer born in its namespace.
Failure CreateVeth(NetlinkSocket& route, const PortOptions& o, int bridge) {
  ifinfomsg header{};
  header.ifi_flags = header.ifi_change = IFF_UP;
  NetlinkBatch batch;
  batch.Begin("RTM_NEWLINK", RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, header);
  batch.AddText(IFLA_IFNAME, o.host_name);
  batch.AddU32(IFLA_MASTER, static_cast<uint32_t>(bridge));
  if (o.peer.mtu) batch.AddU32(IFLA_MTU, o.peer.mtu);
  size_t info = batch.Open(IFLA_LINKINFO);
  batch.AddText(IFLA_INFO_KIND, "veth");
  size_t data = batch.Open(IFLA_INFO_DATA);
  size_t peer = batch.Open(VETH_INFO_PEER);
  // The peer may not be asked to be up here: the kernel answers ENOTCONN.
  ifinfomsg peer_header{};
  batch.AddRaw(&peer_header, sizeof peer_header);
  batch.AddText(IFLA_IFNAME, o.peer.name);
  batch.AddU32(IFLA_NET_NS_FD, static_cast<uint32_t>(o.peer.netns));
  if (o.peer.mtu) batch.AddU32(IFLA_MTU, o.peer.mtu);
  if (Failure failure = AddMac(batch, o.peer.mac)) return failure;
  batch.Close(peer);
  batch.Close(data);
  batch.Close(info);
  return route.Transact(batch, o.host_name);
}

// Hairpin: without it a container cannot reach its own published port through the bridge. Isolated
// ports reach the bridge itself, but not each other.
Failure SetPortFlags(NetlinkSocket& route, const PortOptions& o, int* index) {
  if (Failure failure = route.FindLink(o.host_name, index)) return failure;
  ifinfomsg header{};
  header.ifi_index = *index;
  NetlinkBatch batch;
  batch.Begin("RTM_NEWLINK", RTM_NEWLINK, 0, header);
  size_t info = batch.Open(IFLA_LINKINFO);
  batch.AddText(IFLA_INFO_SLAVE_KIND, "bridge");
  size_t data = batch.Open(IFLA_INFO_SLAVE_DATA);
  batch.AddU8(IFLA_BRPORT_MODE, BRIDGE_MODE_HAIRPIN);
  batch.AddU8(IFLA_BRPORT_ISOLATED, o.isolated);
  batch.Close(data);
  batch.Close(info);
  return route.Transact(batch, o.host_name);
}

void RemoveLink(NetlinkSocket& route, const std::string& name) {
  NetlinkBatch batch;
  batch.Begin("RTM_DELLINK", RTM_DELLINK, 0, ifinfomsg{});
  batch.AddText(IFLA_IFNAME, name);
  route.Transact(batch, name);
}

Failure AttachVeth(const PortOptions& o, int* host_index) {
  NetlinkSocket route;
  if (Failure failure = route.Open(NETLINK_ROUTE)) return failure;
  int bridge = 0;
  if (Failure failure = route.FindLink(o.bridge, &bridge)) return failure;
  if (Failure failure = CreateVeth(route, o, bridge)) return failure;
  Failure failure = SetPortFlags(route, o, host_index);
  if (!failure) failure = EnterNetns(o.peer.netns);
  if (!failure) failure = ConfigureInterface(o.peer);
  // `route` still speaks to the namespace it was opened in.
  if (failure) RemoveLink(route, o.host_name);
  return failure;
}

// Makes a link that is there already a port of the bridge, as AttachVeth makes a new one.
Failure EnslaveLink(const PortOptions& o) {
  NetlinkSocket route;
  if (Failure failure = route.Open(NETLINK_ROUTE)) return failure;
  int bridge = 0, port = 0;
  if (Failure failure = route.FindLink(o.bridge, &bridge)) return failure;
  if (Failure failure = route.FindLink(o.host_name, &port)) return failure;
  ifinfomsg header{};
  header.ifi_index = port;
  header.ifi_flags = header.ifi_change = IFF_UP;
  NetlinkBatch batch;
  batch.Begin("RTM_NEWLINK", RTM_NEWLINK, 0, header);
  batch.AddU32(IFLA_MASTER, static_cast<uint32_t>(bridge));
  if (Failure failure = route.Transact(batch, o.host_name)) return failure;
  return SetPortFlags(route, o, &port);
}

Failure DeleteLink(const std::string& name, std::optional<int> netns) {
  if (netns) {
    if (Failure failure = EnterNetns(*netns)) return failure;
  }
  NetlinkSocket route;
  if (Failure failure = route.Open(NETLINK_ROUTE)) return failure;
  NetlinkBatch batch;
  batch.Begin("RTM_DELLINK", RTM_DELLINK, 0, ifinfomsg{});
  batch.AddText(IFLA_IFNAME, name);
  Failure failure = route.Transact(batch, name);
  return failure.error == ENODEV ? Failure{} : failure;
}

Napi::Value BridgeEnsure(const Napi::CallbackInfo& info) {
  auto options = info[0].As<Napi::Object>();
  BridgeOptions o{TextOption(options, "name"), ListOption(options, "addresses"),
                  NumberOption(options, "mtu"), TextOption(options, "mac")};
  struct Result {
    int index = 0;
    bool created = false;
  };
  auto result = std::make_shared<Result>();
  return RunOnThread(
      info.Env(), [o, result] { return EnsureBridge(o, &result->index, &result->created); },
      [result](Napi::Env env) -> Napi::Value {
        Napi::Object object = Napi::Object::New(env);
        object.Set("index", result->index);
        object.Set("created", result->created);
        return object;
      });
}

Napi::Value VethAttach(const Napi::CallbackInfo& info) {
  auto options = info[0].As<Napi::Object>();
  PortOptions o{TextOption(options, "bridge"), TextOption(options, "hostName"),
                options.Get("isolated").ToBoolean(), InterfaceOptions(options)};
  auto index = std::make_shared<int>(0);
  return RunOnThread(
      info.Env(), [o, index] { return AttachVeth(o, index.get()); },
      [index](Napi::Env env) -> Napi::Value {
        Napi::Object object = Napi::Object::New(env);
        object.Set("hostIndex", *index);
        return object;
      });
}

Napi::Value BridgePort(const Napi::CallbackInfo& info) {
  auto options = info[0].As<Napi::Object>();
  PortOptions o{TextOption(options, "bridge"),
                TextOption(options, "name"),
                options.Get("isolated").ToBoolean(),
                {}};
  return RunOnThread(info.Env(), [o] { return EnslaveLink(o); });
}

Napi::Value LinkDelete(const Napi::CallbackInfo& info) {
  auto options = info[0].As<Napi::Object>();
  std::optional<int> netns;
  if (options.Get("netnsFd").IsNumber()) netns = static_cast<int>(NumberOption(options, "netnsFd"));
  return RunOnThread(
      info.Env(), [name = TextOption(options, "name"), netns] { return DeleteLink(name, netns); });
}

}  // namespace

void InitLink(Napi::Env env, Napi::Object exports) {
  exports.Set("bridgeEnsure", Napi::Function::New(env, BridgeEnsure, "bridgeEnsure"));
  exports.Set("vethAttach", Napi::Function::New(env, VethAttach, "vethAttach"));
  exports.Set("bridgePort", Napi::Function::New(env, BridgePort, "bridgePort"));
  exports.Set("linkDelete", Napi::Function::New(env, LinkDelete, "linkDelete"));
}
