#pragma once
#include <napi.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "kernel/netlink.h"

// What one interface of a container's namespace is given, whatever kind of link it is.
struct InterfaceSetup {
  using Strings = std::vector<std::string>;

  int netns = -1;
  std::string name;
  std::string mac;
  uint32_t mtu = 0;
  Strings addresses;
  // Addresses of default routes; `0.0.0.0` and `::` stand for a route to the link itself.
  Strings gateways;
  // Relative to /proc/sys, written before the interface is up.
  std::vector<std::pair<std::string, std::string>> sysctls;
};

std::string TextOption(const Napi::Object& object, const char* key);
uint32_t NumberOption(const Napi::Object& object, const char* key);
InterfaceSetup::Strings ListOption(const Napi::Object& object, const char* key);
InterfaceSetup InterfaceOptions(const Napi::Object& object);

Failure AddMac(NetlinkBatch& batch, const std::string& mac);
Failure AddAddress(NetlinkBatch& batch, int index, const std::string& text);
// `flags` besides NLM_F_CREATE, e.g. NLM_F_EXCL or NLM_F_REPLACE.
Failure AddDefaultRoute(NetlinkBatch& batch, int index, const std::string& gateway, uint16_t flags);
void SetLinkUp(NetlinkBatch& batch, int index);
Failure WriteSysctl(const std::string& name, const std::string& value);

// Joins the namespace for good, so only on a throw-away thread.
Failure EnterNetns(int netns);
// Sysctls, addresses, up and routes of an interface in the thread's namespace.
Failure ConfigureInterface(const InterfaceSetup& setup);
