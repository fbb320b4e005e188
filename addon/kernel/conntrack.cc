// Deleting connection tracking entries over ctnetlink (kernel:
// net/netfilter/nf_conntrack_netlink.c).
#include <arpa/inet.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>

#include <memory>
#include <optional>

#include "kernel/async.h"
#include "kernel/inet.h"
#include "kernel/net.h"
#include "kernel/netlink.h"

namespace {

struct Match {
  uint8_t protocol = 0;
  uint16_t port = 0;
  std::optional<InetPrefix> address;
};

struct Flow {
  uint8_t family = 0;
  std::vector<char> tuple;  // CTA_TUPLE_ORIG as the kernel gave it
  uint32_t id = 0;
};

uint16_t MessageType(int type) { return static_cast<uint16_t>(NFNL_SUBSYS_CTNETLINK << 8 | type); }

bool AddressMatches(const Match& match, uint16_t type, const void* data, size_t size) {
  if (!match.address) return true;
  bool v4 = match.address->family == AF_INET;
  return type == (v4 ? CTA_IP_V4_DST : CTA_IP_V6_DST) && size == match.address->size() &&
         memcmp(data, match.address->bytes, size) == 0;
}

// Protocol, destination port and destination address of an original tuple.
bool TupleMatches(const Match& match, const void* tuple, size_t size) {
  bool protocol = false, port = false, address = !match.address;
  EachAttribute(tuple, size, [&](uint16_t part, const void* data, size_t length) {
    EachAttribute(data, length, [&](uint16_t type, const void* value, size_t value_size) {
      if (part == CTA_TUPLE_IP && AddressMatches(match, type, value, value_size)) address = true;
      if (part != CTA_TUPLE_PROTO) return;
      if (type == CTA_PROTO_NUM) protocol = *static_cast<const uint8_t*>(value) == match.protocol;
      if (type == CTA_PROTO_DST_PORT) {
        uint16_t raw;
        memcpy(&raw, value, sizeof raw);
        port = ntohs(raw) == match.port;
      }
    });
  });
  return protocol && port && address;
}

void Collect(const nlmsghdr* message, const Match& match, std::vector<Flow>* flows) {
  const char* data = static_cast<const char*>(NLMSG_DATA(message));
  size_t header = NLMSG_ALIGN(sizeof(nfgenmsg));
  Flow flow;
  flow.family = reinterpret_cast<const nfgenmsg*>(data)->nfgen_family;
  EachAttribute(data + header, message->nlmsg_len - NLMSG_HDRLEN - header,
                [&](uint16_t type, const void* value, size_t size) {
                  const char* bytes = static_cast<const char*>(value);
                  if (type == CTA_TUPLE_ORIG && TupleMatches(match, value, size)) {
                    flow.tuple.assign(bytes, bytes + size);
                  }
                  if (type == CTA_ID) memcpy(&flow.id, value, sizeof flow.id);
                });
  // A delete without a tuple would flush the whole table.
  if (!flow.tuple.empty()) flows->push_back(std::move(flow));
}

Failure DeleteFlow(NetlinkSocket& conntrack, const Flow& flow) {
  NetlinkBatch batch;
  batch.Begin("IPCTNL_MSG_CT_DELETE", MessageType(IPCTNL_MSG_CT_DELETE), 0,
              nfgenmsg{flow.family, NFNETLINK_V0, 0});
  batch.Add(CTA_TUPLE_ORIG | NLA_F_NESTED, flow.tuple.data(), flow.tuple.size());
  batch.AddU32(CTA_ID, flow.id);
  return conntrack.Transact(batch, "conntrack");
}

Failure DeleteFlows(const Match& match, uint32_t* count) {
  NetlinkSocket conntrack;
  if (Failure failure = conntrack.Open(NETLINK_NETFILTER)) return failure;
  std::vector<Flow> flows;
  NetlinkBatch batch;
  batch.Begin("IPCTNL_MSG_CT_GET", MessageType(IPCTNL_MSG_CT_GET), NLM_F_DUMP,
              nfgenmsg{AF_UNSPEC, NFNETLINK_V0, 0});
  Failure failure =
      conntrack.Dump(batch, [&](const nlmsghdr* message) { Collect(message, match, &flows); });
  if (failure) return failure;
  for (const Flow& flow : flows) {
    Failure gone = DeleteFlow(conntrack, flow);
    if (gone.error == ENOENT) continue;
    if (gone) return gone;
    ++*count;
  }
  return {};
}

Napi::Value ConntrackDelete(const Napi::CallbackInfo& info) {
  auto options = info[0].As<Napi::Object>();
  Match match;
  match.protocol =
      options.Get("protocol").ToString().Utf8Value() == "udp" ? IPPROTO_UDP : IPPROTO_TCP;
  match.port = static_cast<uint16_t>(options.Get("port").ToNumber().Uint32Value());
  Napi::Value address = options.Get("address");
  if (address.IsString()) {
    std::string text = address.ToString();
    match.address.emplace();
    if (!InetPrefix::Parse(text, &*match.address)) {
      return Throw(info.Env(), Failure{EINVAL, "inet_pton", text});
    }
  }
  auto count = std::make_shared<uint32_t>(0);
  return RunOnThread(
      info.Env(), [match, count] { return DeleteFlows(match, count.get()); },
      [count](Napi::Env env) { return Napi::Number::New(env, *count); });
}

}  // namespace

void InitConntrack(Napi::Env env, Napi::Object exports) {
  exports.Set("conntrackDelete", Napi::Function::New(env, ConntrackDelete, "conntrackDelete"));
}
