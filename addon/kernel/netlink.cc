#include "kernel/netlink.h"

#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

namespace {
constexpr size_t kDumpSize = 64 * 1024;
// Acknowledgements and the answer to one request: an error comes without its request (CAP_ACK).
constexpr size_t kAnswerSize = 8 * 1024;
constexpr uint16_t kAttributeTypeMask = 0x3fff;  // without NLA_F_NESTED, NLA_F_NET_BYTEORDER
}  // namespace

void NetlinkBatch::Pad() { data_.resize(NLMSG_ALIGN(data_.size())); }

void NetlinkBatch::BeginRaw(const char* name, uint16_t type, uint16_t flags, const void* header,
                            size_t size) {
  Finish();
  current_ = data_.size();
  nlmsghdr message{};
  message.nlmsg_type = type;
  message.nlmsg_flags = static_cast<uint16_t>(flags | NLM_F_REQUEST);
  names_.push_back(name);
  AddRaw(&message, sizeof message);
  AddRaw(header, size);
  Pad();
}

void NetlinkBatch::AddRaw(const void* data, size_t size) {
  const char* bytes = static_cast<const char*>(data);
  data_.insert(data_.end(), bytes, bytes + size);
}

void NetlinkBatch::Add(uint16_t type, const void* data, size_t size) {
  nlattr attribute{static_cast<uint16_t>(NLA_HDRLEN + size), type};
  AddRaw(&attribute, sizeof attribute);
  AddRaw(data, size);
  Pad();
}

void NetlinkBatch::AddText(uint16_t type, std::string_view text) {
  std::string terminated(text);
  Add(type, terminated.c_str(), terminated.size() + 1);
}

size_t NetlinkBatch::Open(uint16_t type) {
  size_t opened = data_.size();
  Add(type, nullptr, 0);
  return opened;
}

void NetlinkBatch::Close(size_t opened) {
  Pad();
  nlattr attribute;
  memcpy(&attribute, &data_[opened], sizeof attribute);
  attribute.nla_len = static_cast<uint16_t>(data_.size() - opened);
  memcpy(&data_[opened], &attribute, sizeof attribute);
}

void NetlinkBatch::Finish() {
  if (current_ == SIZE_MAX) return;
  uint32_t length = static_cast<uint32_t>(data_.size() - current_);
  memcpy(&data_[current_], &length, sizeof length);
}

Failure NetlinkSocket::Open(int protocol) {
  fd_.reset(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol));
  if (!fd_) return Fail("socket", "netlink");
  int on = 1;
  // Without the request echoed in every acknowledgement.
  setsockopt(fd_.get(), SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof on);
  return {};
}

Failure NetlinkSocket::Send(NetlinkBatch& batch) {
  batch.Finish();
  for (size_t at = 0; at < batch.data_.size();) {
    nlmsghdr message;
    memcpy(&message, &batch.data_[at], sizeof message);
    message.nlmsg_seq = ++sequence_;
    memcpy(&batch.data_[at], &message, sizeof message);
    at += NLMSG_ALIGN(message.nlmsg_len);
  }
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  ssize_t sent = sendto(fd_.get(), batch.data_.data(), batch.data_.size(), 0,
                        reinterpret_cast<sockaddr*>(&kernel), sizeof kernel);
  return sent < 0 ? Fail("sendto", "netlink") : Failure{};
}

Failure NetlinkSocket::Transact(NetlinkBatch& batch, std::string about,
                                const NetlinkVisitor& visit) {
  for (size_t at = 0; at < batch.data_.size();) {
    batch.Finish();
    nlmsghdr message;
    memcpy(&message, &batch.data_[at], sizeof message);
    message.nlmsg_flags |= NLM_F_ACK;
    memcpy(&batch.data_[at], &message, sizeof message);
    at += NLMSG_ALIGN(message.nlmsg_len);
  }
  uint32_t first = sequence_ + 1;
  if (Failure failure = Send(batch)) return failure;
  Failure failure;
  alignas(nlmsghdr) char buffer[kAnswerSize];
  for (size_t pending = batch.names_.size(); pending > 0;) {
    ssize_t received = recv(fd_.get(), buffer, sizeof buffer, 0);
    if (received < 0 && errno == EINTR) continue;
    if (received < 0) return Fail("recv", "netlink");
    int left = static_cast<int>(received);
    for (auto* m = reinterpret_cast<nlmsghdr*>(buffer); NLMSG_OK(m, left);
         m = NLMSG_NEXT(m, left)) {
      if (m->nlmsg_type != NLMSG_ERROR) {
        if (visit) visit(m);
        continue;
      }
      pending--;
      int error = -static_cast<nlmsgerr*>(NLMSG_DATA(m))->error;
      if (error && !failure) failure = Failure{error, batch.names_[m->nlmsg_seq - first], about};
    }
  }
  return failure;
}

Failure NetlinkSocket::FindLink(const std::string& name, int* index) {
  ifreq request{};
  name.copy(request.ifr_name, IFNAMSIZ - 1);
  if (ioctl(fd_.get(), SIOCGIFINDEX, &request) < 0) return Fail("SIOCGIFINDEX", name);
  *index = request.ifr_ifindex;
  return {};
}

Failure NetlinkSocket::Dump(NetlinkBatch& batch, const NetlinkVisitor& visit) {
  if (Failure failure = Send(batch)) return failure;
  std::vector<char> buffer(kDumpSize);
  while (true) {
    ssize_t received = recv(fd_.get(), buffer.data(), buffer.size(), 0);
    if (received < 0 && errno == EINTR) continue;
    if (received < 0) return Fail("recv", "netlink");
    int left = static_cast<int>(received);
    for (auto* m = reinterpret_cast<nlmsghdr*>(buffer.data()); NLMSG_OK(m, left);
         m = NLMSG_NEXT(m, left)) {
      if (m->nlmsg_type == NLMSG_DONE) {
        // A dump that failed on its way says so at its end.
        int status =
            m->nlmsg_len >= NLMSG_LENGTH(sizeof(int)) ? *static_cast<int*>(NLMSG_DATA(m)) : 0;
        return status < 0 ? Failure{-status, batch.names_.front(), {}} : Failure{};
      }
      if (m->nlmsg_type == NLMSG_ERROR) {
        int error = -static_cast<nlmsgerr*>(NLMSG_DATA(m))->error;
        return error ? Failure{error, batch.names_.front(), {}} : Failure{};
      }
      visit(m);
    }
  }
}

void EachAttribute(const void* data, size_t size,
                   const std::function<void(uint16_t, const void*, size_t)>& visit) {
  const char* at = static_cast<const char*>(data);
  while (size >= sizeof(nlattr)) {
    nlattr attribute;
    memcpy(&attribute, at, sizeof attribute);
    if (attribute.nla_len < NLA_HDRLEN || attribute.nla_len > size) return;
    visit(attribute.nla_type & kAttributeTypeMask, at + NLA_HDRLEN, attribute.nla_len - NLA_HDRLEN);
    size_t step = NLA_ALIGN(attribute.nla_len);
    if (step >= size) return;
    at += step;
    size -= step;
  }
}
