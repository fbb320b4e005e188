#pragma once
#include <linux/netlink.h>

#include <cstdint>
#include <cstring>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "common/errno_result.h"
#include "common/unique_fd.h"

// A batch of netlink requests in one buffer. Attributes nest by Open/Close, as in the wire format.
class NetlinkBatch {
 public:
  // Starts a request; NLM_F_REQUEST is added. `name` says in an error what the request was about.
  template <typename Header>
  void Begin(const char* name, uint16_t type, uint16_t flags, const Header& header) {
    BeginRaw(name, type, flags, &header, sizeof header);
  }
  void Add(uint16_t type, const void* data, size_t size);
  void AddU8(uint16_t type, uint8_t value) { Add(type, &value, sizeof value); }
  void AddU32(uint16_t type, uint32_t value) { Add(type, &value, sizeof value); }
  // NUL-terminated.
  void AddText(uint16_t type, std::string_view text);
  size_t Open(uint16_t type);
  void Close(size_t opened);
  // Plain bytes inside a nest, e.g. the ifinfomsg of VETH_INFO_PEER.
  void AddRaw(const void* data, size_t size);

 private:
  friend class NetlinkSocket;
  void BeginRaw(const char* name, uint16_t type, uint16_t flags, const void* header, size_t size);
  void Pad();
  void Finish();

  std::vector<char> data_;
  std::vector<const char*> names_;
  size_t current_ = SIZE_MAX;
};

using NetlinkVisitor = std::function<void(const nlmsghdr*)>;

// A netlink socket of the network namespace its thread is in when it is opened.
class NetlinkSocket {
 public:
  Failure Open(int protocol);
  // Sends the batch, every request asking for an acknowledgement, and answers the first error.
  Failure Transact(NetlinkBatch& batch, std::string about, const NetlinkVisitor& visit = nullptr);
  // Index of a link of the socket's namespace, without the lock that RTM_GETLINK waits for.
  Failure FindLink(const std::string& name, int* index);
  // One dump request (NLM_F_DUMP among its flags); `visit` sees every answer.
  Failure Dump(NetlinkBatch& batch, const NetlinkVisitor& visit);

 private:
  Failure Send(NetlinkBatch& batch);
  UniqueFd fd_;
  uint32_t sequence_ = 0;
};

// Calls `visit` for each attribute in [data, data+size).
void EachAttribute(const void* data, size_t size,
                   const std::function<void(uint16_t type, const void*, size_t)>& visit);
