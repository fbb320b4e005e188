// Who changes the rule set: a socket in nftables' multicast group (linux/netfilter/nfnetlink.h).
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <sys/socket.h>

#include "common/unique_fd.h"
#include "kernel/async.h"
#include "kernel/net.h"

namespace {

Napi::Value NftMonitor(const Napi::CallbackInfo& info) {
  UniqueFd fd(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_NETFILTER));
  if (!fd) return Throw(info.Env(), Fail("socket", "netlink"));
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  if (bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) < 0) {
    return Throw(info.Env(), Fail("bind", "netlink"));
  }
  int group = NFNLGRP_NFTABLES;
  if (setsockopt(fd.get(), SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) < 0) {
    return Throw(info.Env(), Fail("NETLINK_ADD_MEMBERSHIP"));
  }
  return Napi::Number::New(info.Env(), fd.release());
}

}  // namespace

void InitNftMonitor(Napi::Env env, Napi::Object exports) {
  exports.Set("nftMonitor", Napi::Function::New(env, NftMonitor, "nftMonitor"));
}
