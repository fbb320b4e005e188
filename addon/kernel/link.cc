// Bridges and veth pairs over rtnetlink (rtnetlink(7), and the kernel's net/core/rtnetlink.c).
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <netinet/ether.h>
#include <sched.h>

#include <memory>
#include <optional>

#include "kernel/async.h"
#include "kernel/inet.h"
#include "kernel/net.h"
#include "kernel/netlink.h"

namespace {

using Strings = std::vector<std::string>;

struct BridgeOptions {
  std::string name;
  Strings addresses;
  uint32_t mtu = 0;
  std::string mac;
};

struct VethOptions {
  std::string bridge;
  std::string host_name;
  int netns = -1;
  std::string name;
  std::string mac;
  Strings addresses;
  Strings gateways;
  uint32_t mtu = 0;
  bool isolated = false;
};

std::string Text(const Napi::Object& object, const char* key) {
  Napi::Value value = object.Get(key);
  return value.IsString() ? value.ToString().Utf8Value() : std::string();
}

uint32_t Number(const Napi::Object& object, const char* key) {
  Napi::Value value = object.Get(key);
  return value.IsNumber() ? value.As<Napi::Number>().Uint32Value() : 0;
}

Strings List(const Napi::Object& object, const char* key) {
  Strings result;
  Napi::Value value = object.Get(key);
  if (!value.IsArray()) return result;
  Napi::Array array = value.As<Napi::Array>();
  for (uint32_t i = 0; i < array.Length(); i++) result.push_back(array.Get(i).ToString());
  return result;
}

Failure AddMac(NetlinkBatch& batch, const std::string& mac) {
  if (mac.empty()) return {};
  ether_addr address;
  if (!ether_aton_r(mac.c_str(), &address)) return Failure{EINVAL, "ether_aton", mac};
  batch.Add(IFLA_ADDRESS, &address, sizeof address);
  return {};
}

Failure AddAddress(NetlinkBatch& batch, int index, const std::string& text) {
  InetPrefix prefix;
  if (!InetPrefix::Parse(text, &prefix)) return Failure{EINVAL, "inet_pton", text};
  ifaddrmsg header{};
  header.ifa_family = static_cast<uint8_t>(prefix.family);
  header.ifa_prefixlen = prefix.length;
  header.ifa_index = static_cast<uint32_t>(index);
  // Addresses come from our own IPAM: waiting for duplicate detection would delay every start.
  if (prefix.family == AF_INET6) header.ifa_flags = IFA_F_NODAD;
  batch.Begin("RTM_NEWADDR", RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, header);
  batch.Add(IFA_LOCAL, prefix.bytes, prefix.size());
  batch.Add(IFA_ADDRESS, prefix.bytes, prefix.size());
  if (prefix.family == AF_INET && prefix.length < 31) {
    uint32_t address;
    memcpy(&address, prefix.bytes, sizeof address);
    uint32_t broadcast = address | htonl(prefix.length == 0 ? ~0u : ~0u >> prefix.length);
    batch.Add(IFA_BROADCAST, &broadcast, sizeof broadcast);
  }
  return {};
}

Failure AddDefaultRoute(NetlinkBatch& batch, int index, const std::string& gateway) {
  InetPrefix address;
  if (!InetPrefix::Parse(gateway, &address)) return Failure{EINVAL, "inet_pton", gateway};
  rtmsg header{};
  header.rtm_family = static_cast<uint8_t>(address.family);
  header.rtm_table = RT_TABLE_MAIN;
  header.rtm_protocol = RTPROT_BOOT;
  header.rtm_scope = RT_SCOPE_UNIVERSE;
  header.rtm_type = RTN_UNICAST;
  batch.Begin("RTM_NEWROUTE", RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, header);
  batch.Add(RTA_GATEWAY, address.bytes, address.size());
  batch.AddU32(RTA_OIF, static_cast<uint32_t>(index));
  return {};
}

void SetUp(NetlinkBatch& batch, int index) {
  ifinfomsg header{};
  header.ifi_index = index;
  header.ifi_flags = header.ifi_change = IFF_UP;
  batch.Begin("RTM_NEWLINK", RTM_NEWLINK, 0, header);
}

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
  SetUp(batch, *index);
  if (o.mtu) batch.AddU32(IFLA_MTU, o.mtu);
  return route.Transact(batch, o.name);
}

// Both ends in one message: the host end up and in the bridge, the peer born in its namespace.
Failure CreateVeth(NetlinkSocket& route, const VethOptions& o, int bridge) {
  ifinfomsg header{};
  header.ifi_flags = header.ifi_change = IFF_UP;
  NetlinkBatch batch;
  batch.Begin("RTM_NEWLINK", RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, header);
  batch.AddText(IFLA_IFNAME, o.host_name);
  batch.AddU32(IFLA_MASTER, static_cast<uint32_t>(bridge));
  if (o.mtu) batch.AddU32(IFLA_MTU, o.mtu);
  size_t info = batch.Open(IFLA_LINKINFO);
  batch.AddText(IFLA_INFO_KIND, "veth");
  size_t data = batch.Open(IFLA_INFO_DATA);
  size_t peer = batch.Open(VETH_INFO_PEER);
  // The peer may not be asked to be up here: the kernel answers ENOTCONN.
  ifinfomsg peer_header{};
  batch.AddRaw(&peer_header, sizeof peer_header);
  batch.AddText(IFLA_IFNAME, o.name);
  batch.AddU32(IFLA_NET_NS_FD, static_cast<uint32_t>(o.netns));
  if (o.mtu) batch.AddU32(IFLA_MTU, o.mtu);
  if (Failure failure = AddMac(batch, o.mac)) return failure;
  batch.Close(peer);
  batch.Close(data);
  batch.Close(info);
  return route.Transact(batch, o.host_name);
}

// Hairpin: without it a container cannot reach its own published port through the bridge. Isolated
// ports reach the bridge itself, but not each other.
Failure SetPortFlags(NetlinkSocket& route, const VethOptions& o, int* index) {
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

// In the target namespace (the calling thread has joined it).
Failure ConfigurePeer(const VethOptions& o) {
  NetlinkSocket route;
  if (Failure failure = route.Open(NETLINK_ROUTE)) return failure;
  int index = 0;
  if (Failure failure = route.FindLink(o.name, &index)) return failure;
  NetlinkBatch batch;
  for (const std::string& address : o.addresses) {
    if (Failure failure = AddAddress(batch, index, address)) return failure;
  }
  SetUp(batch, index);
  for (const std::string& gateway : o.gateways) {
    if (Failure failure = AddDefaultRoute(batch, index, gateway)) return failure;
  }
  return route.Transact(batch, o.name);
}

void RemoveLink(NetlinkSocket& route, const std::string& name) {
  NetlinkBatch batch;
  batch.Begin("RTM_DELLINK", RTM_DELLINK, 0, ifinfomsg{});
  batch.AddText(IFLA_IFNAME, name);
  route.Transact(batch, name);
}

Failure AttachVeth(const VethOptions& o, int* host_index) {
  NetlinkSocket route;
  if (Failure failure = route.Open(NETLINK_ROUTE)) return failure;
  int bridge = 0;
  if (Failure failure = route.FindLink(o.bridge, &bridge)) return failure;
  if (Failure failure = CreateVeth(route, o, bridge)) return failure;
  Failure failure = SetPortFlags(route, o, host_index);
  if (!failure && setns(o.netns, CLONE_NEWNET) < 0) failure = Fail("setns");
  if (!failure) failure = ConfigurePeer(o);
  // `route` still speaks to the namespace it was opened in.
  if (failure) RemoveLink(route, o.host_name);
  return failure;
}

Failure DeleteLink(const std::string& name, std::optional<int> netns) {
  if (netns && setns(*netns, CLONE_NEWNET) < 0) return Fail("setns");
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
  BridgeOptions o{Text(options, "name"), List(options, "addresses"), Number(options, "mtu"),
                  Text(options, "mac")};
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
  VethOptions o{Text(options, "bridge"),
                Text(options, "hostName"),
                static_cast<int>(Number(options, "netnsFd")),
                Text(options, "name"),
                Text(options, "mac"),
                List(options, "addresses"),
                List(options, "gateways"),
                Number(options, "mtu"),
                options.Get("isolated").ToBoolean()};
  auto index = std::make_shared<int>(0);
  return RunOnThread(
      info.Env(), [o, index] { return AttachVeth(o, index.get()); },
      [index](Napi::Env env) -> Napi::Value {
        Napi::Object object = Napi::Object::New(env);
        object.Set("hostIndex", *index);
        return object;
      });
}

Napi::Value LinkDelete(const Napi::CallbackInfo& info) {
  auto options = info[0].As<Napi::Object>();
  std::optional<int> netns;
  if (options.Get("netnsFd").IsNumber()) netns = static_cast<int>(Number(options, "netnsFd"));
  return RunOnThread(info.Env(),
                     [name = Text(options, "name"), netns] { return DeleteLink(name, netns); });
}

}  // namespace

void InitLink(Napi::Env env, Napi::Object exports) {
  exports.Set("bridgeEnsure", Napi::Function::New(env, BridgeEnsure, "bridgeEnsure"));
  exports.Set("vethAttach", Napi::Function::New(env, VethAttach, "vethAttach"));
  exports.Set("linkDelete", Napi::Function::New(env, LinkDelete, "linkDelete"));
}
