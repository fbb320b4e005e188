// Interfaces as containers see them (rtnetlink(7), netdevice(7)).
#include "kernel/interface.h"

#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/ether.h>
#include <sched.h>

#include "kernel/inet.h"

std::string TextOption(const Napi::Object& object, const char* key) {
  Napi::Value value = object.Get(key);
  return value.IsString() ? value.ToString().Utf8Value() : std::string();
}

uint32_t NumberOption(const Napi::Object& object, const char* key) {
  Napi::Value value = object.Get(key);
  return value.IsNumber() ? value.As<Napi::Number>().Uint32Value() : 0;
}

InterfaceSetup::Strings ListOption(const Napi::Object& object, const char* key) {
  InterfaceSetup::Strings result;
  Napi::Value value = object.Get(key);
  if (!value.IsArray()) return result;
  Napi::Array array = value.As<Napi::Array>();
  for (uint32_t i = 0; i < array.Length(); i++) result.push_back(array.Get(i).ToString());
  return result;
}

InterfaceSetup InterfaceOptions(const Napi::Object& object) {
  InterfaceSetup setup;
  setup.netns = static_cast<int>(NumberOption(object, "netnsFd"));
  setup.name = TextOption(object, "name");
  setup.mac = TextOption(object, "mac");
  setup.mtu = NumberOption(object, "mtu");
  setup.addresses = ListOption(object, "addresses");
  setup.gateways = ListOption(object, "gateways");
  Napi::Value sysctls = object.Get("sysctls");
  if (!sysctls.IsObject()) return setup;
  Napi::Object values = sysctls.As<Napi::Object>();
  Napi::Array names = values.GetPropertyNames();
  for (uint32_t i = 0; i < names.Length(); i++) {
    std::string name = names.Get(i).ToString();
    setup.sysctls.emplace_back(name, values.Get(name).ToString().Utf8Value());
  }
  return setup;
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

Failure AddDefaultRoute(NetlinkBatch& batch, int index, const std::string& gateway,
                        uint16_t flags) {
  InetPrefix address;
  if (!InetPrefix::Parse(gateway, &address)) return Failure{EINVAL, "inet_pton", gateway};
  bool on_link = gateway == "0.0.0.0" || gateway == "::";
  rtmsg header{};
  header.rtm_family = static_cast<uint8_t>(address.family);
  header.rtm_table = RT_TABLE_MAIN;
  header.rtm_protocol = RTPROT_BOOT;
  header.rtm_scope = on_link && address.family == AF_INET ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
  header.rtm_type = RTN_UNICAST;
  batch.Begin("RTM_NEWROUTE", RTM_NEWROUTE, NLM_F_CREATE | flags, header);
  if (!on_link) batch.Add(RTA_GATEWAY, address.bytes, address.size());
  batch.AddU32(RTA_OIF, static_cast<uint32_t>(index));
  return {};
}

void SetLinkUp(NetlinkBatch& batch, int index) {
  ifinfomsg header{};
  header.ifi_index = index;
  header.ifi_flags = header.ifi_change = IFF_UP;
  batch.Begin("RTM_NEWLINK", RTM_NEWLINK, 0, header);
}

Failure WriteSysctl(const std::string& name, const std::string& value) {
  std::string path = "/proc/sys/" + name;
  UniqueFd fd(open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!fd) return Fail("open", path);
  if (write(fd.get(), value.data(), value.size()) < 0) return Fail("write", path);
  return {};
}

Failure EnterNetns(int netns) { return setns(netns, CLONE_NEWNET) < 0 ? Fail("setns") : Failure{}; }

Failure ConfigureInterface(const InterfaceSetup& setup) {
  NetlinkSocket route;
  if (Failure failure = route.Open(NETLINK_ROUTE)) return failure;
  int index = 0;
  if (Failure failure = route.FindLink(setup.name, &index)) return failure;
  for (const auto& [name, value] : setup.sysctls) {
    if (Failure failure = WriteSysctl(name, value)) return failure;
  }
  NetlinkBatch batch;
  for (const std::string& address : setup.addresses) {
    if (Failure failure = AddAddress(batch, index, address)) return failure;
  }
  SetLinkUp(batch, index);
  for (const std::string& gateway : setup.gateways) {
    if (Failure failure = AddDefaultRoute(batch, index, gateway, NLM_F_EXCL)) return failure;
  }
  return route.Transact(batch, setup.name);
}
