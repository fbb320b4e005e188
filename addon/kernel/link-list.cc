// Dumps of links, addresses and routes of a namespace.
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sched.h>

#include <memory>
#include <optional>

#include "kernel/async.h"
#include "kernel/inet.h"
#include "kernel/net.h"
#include "kernel/netlink.h"

namespace {

struct Link {
  int index = 0;
  uint32_t master = 0;
  uint32_t mtu = 0;
  bool up = false;
  std::string name, kind, mac;
};

struct Address {
  int index = 0;
  std::string address;
};

struct Route {
  int family = 0;
  uint32_t index = 0;
  std::string destination, gateway;
};

uint32_t U32(const void* data) {
  uint32_t value;
  memcpy(&value, data, sizeof value);
  return value;
}

// A name attribute ends with NUL, which is not part of it.
std::string Name(const void* data, size_t size) {
  return std::string(static_cast<const char*>(data), size ? size - 1 : 0);
}

std::string Mac(const void* data, size_t size) {
  if (size != 6) return {};
  const auto* b = static_cast<const unsigned char*>(data);
  char text[18];
  snprintf(text, sizeof text, "%02x:%02x:%02x:%02x:%02x:%02x", b[0], b[1], b[2], b[3], b[4], b[5]);
  return text;
}

template <typename Header>
const Header* Payload(const nlmsghdr* message, const char** attributes, size_t* size) {
  const char* data = static_cast<const char*>(NLMSG_DATA(message));
  size_t header = NLMSG_ALIGN(sizeof(Header));
  *attributes = data + header;
  *size = message->nlmsg_len - NLMSG_HDRLEN - header;
  return reinterpret_cast<const Header*>(data);
}

void ReadLink(const nlmsghdr* message, std::vector<Link>* out) {
  const char* attributes;
  size_t size;
  const auto* header = Payload<ifinfomsg>(message, &attributes, &size);
  Link link;
  link.index = header->ifi_index;
  link.up = header->ifi_flags & IFF_UP;
  EachAttribute(attributes, size, [&](uint16_t type, const void* data, size_t length) {
    if (type == IFLA_IFNAME) link.name = Name(data, length);
    if (type == IFLA_MTU) link.mtu = U32(data);
    if (type == IFLA_MASTER) link.master = U32(data);
    if (type == IFLA_ADDRESS) link.mac = Mac(data, length);
    if (type != IFLA_LINKINFO) return;
    EachAttribute(data, length, [&](uint16_t inner, const void* kind, size_t kind_length) {
      if (inner == IFLA_INFO_KIND) link.kind = Name(kind, kind_length);
    });
  });
  out->push_back(std::move(link));
}

void ReadAddress(const nlmsghdr* message, std::vector<Address>* out) {
  const char* attributes;
  size_t size;
  const auto* header = Payload<ifaddrmsg>(message, &attributes, &size);
  std::string local, address;
  EachAttribute(attributes, size, [&](uint16_t type, const void* data, size_t) {
    if (type == IFA_LOCAL) local = InetPrefix::Address(header->ifa_family, data);
    if (type == IFA_ADDRESS) address = InetPrefix::Address(header->ifa_family, data);
  });
  // On point-to-point links IFA_ADDRESS is the other side; IPv6 has no IFA_LOCAL otherwise.
  std::string text = local.empty() ? address : local;
  out->push_back(
      {static_cast<int>(header->ifa_index), text + "/" + std::to_string(header->ifa_prefixlen)});
}

void ReadRoute(const nlmsghdr* message, std::vector<Route>* out) {
  const char* attributes;
  size_t size;
  const auto* header = Payload<rtmsg>(message, &attributes, &size);
  if (header->rtm_type != RTN_UNICAST) return;
  if (header->rtm_family != AF_INET && header->rtm_family != AF_INET6) return;
  uint32_t table = header->rtm_table;
  Route route;
  route.family = header->rtm_family;
  route.destination = header->rtm_family == AF_INET ? "0.0.0.0" : "::";
  EachAttribute(attributes, size, [&](uint16_t type, const void* data, size_t) {
    if (type == RTA_TABLE) table = U32(data);
    if (type == RTA_DST) route.destination = InetPrefix::Address(route.family, data);
    if (type == RTA_GATEWAY) route.gateway = InetPrefix::Address(route.family, data);
    if (type == RTA_OIF) route.index = U32(data);
  });
  if (table == RT_TABLE_LOCAL) return;
  route.destination += "/" + std::to_string(header->rtm_dst_len);
  out->push_back(std::move(route));
}

template <typename Header>
Failure DumpAll(std::optional<int> netns, uint16_t type, const char* name,
                const NetlinkVisitor& visit) {
  if (netns && setns(*netns, CLONE_NEWNET) < 0) return Fail("setns");
  NetlinkSocket route;
  if (Failure failure = route.Open(NETLINK_ROUTE)) return failure;
  NetlinkBatch batch;
  batch.Begin(name, type, NLM_F_DUMP, Header{});
  if (type == RTM_GETLINK) batch.AddU32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
  return route.Dump(batch, visit);
}

std::optional<int> NetnsOf(const Napi::CallbackInfo& info) {
  Napi::Value fd = info[0].As<Napi::Object>().Get("netnsFd");
  if (!fd.IsNumber()) return std::nullopt;
  return fd.As<Napi::Number>().Int32Value();
}

Napi::Object ToObject(Napi::Env env, const Link& link) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("index", link.index);
  object.Set("name", link.name);
  object.Set("kind", link.kind);
  if (link.master) object.Set("master", link.master);
  object.Set("up", link.up);
  object.Set("mac", link.mac);
  object.Set("mtu", link.mtu);
  return object;
}

Napi::Object ToObject(Napi::Env env, const Address& address) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("index", address.index);
  object.Set("address", address.address);
  return object;
}

Napi::Object ToObject(Napi::Env env, const Route& route) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("family", route.family == AF_INET ? 4 : 6);
  object.Set("destination", route.destination);
  if (!route.gateway.empty()) object.Set("gateway", route.gateway);
  if (route.index) object.Set("index", route.index);
  return object;
}

template <typename Header, typename Item, void (*Read)(const nlmsghdr*, std::vector<Item>*)>
Napi::Value ListAll(const Napi::CallbackInfo& info, uint16_t type, const char* name) {
  auto items = std::make_shared<std::vector<Item>>();
  return RunOnThread(
      info.Env(),
      [netns = NetnsOf(info), items, type, name] {
        return DumpAll<Header>(netns, type, name,
                               [&](const nlmsghdr* message) { Read(message, items.get()); });
      },
      [items](Napi::Env env) -> Napi::Value {
        Napi::Array array = Napi::Array::New(env, items->size());
        for (uint32_t i = 0; i < items->size(); i++) array.Set(i, ToObject(env, (*items)[i]));
        return array;
      });
}

Napi::Value LinkList(const Napi::CallbackInfo& info) {
  return ListAll<ifinfomsg, Link, ReadLink>(info, RTM_GETLINK, "RTM_GETLINK");
}

Napi::Value AddressList(const Napi::CallbackInfo& info) {
  return ListAll<ifaddrmsg, Address, ReadAddress>(info, RTM_GETADDR, "RTM_GETADDR");
}

Napi::Value RouteList(const Napi::CallbackInfo& info) {
  return ListAll<rtmsg, Route, ReadRoute>(info, RTM_GETROUTE, "RTM_GETROUTE");
}

}  // namespace

void InitLinkList(Napi::Env env, Napi::Object exports) {
  exports.Set("linkList", Napi::Function::New(env, LinkList, "linkList"));
  exports.Set("addressList", Napi::Function::New(env, AddressList, "addressList"));
  exports.Set("routeList", Napi::Function::New(env, RouteList, "routeList"));
}
