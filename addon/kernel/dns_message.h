#pragma once
// DNS messages on the wire (RFC 1035, 2181, 6891): every offset is checked, nothing is allocated
// for what a message merely claims.
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

namespace dns {

constexpr size_t kHeaderSize = 12;
constexpr size_t kMinUdpSize = 512;
constexpr size_t kMaxSize = 65535;
constexpr uint32_t kLocalTtl = 600;

constexpr uint16_t kTypeA = 1, kTypeSoa = 6, kTypePtr = 12, kTypeMx = 15, kTypeAaaa = 28,
                   kTypeOpt = 41;
constexpr uint16_t kClassIn = 1, kClassAny = 255;
constexpr int kServFail = 2, kNxDomain = 3, kNotImplemented = 4, kRefused = 5;

struct Query {
  // Lower case, dots between labels, none at the end. A byte that a name of ours cannot hold, such
  // as a dot within a label, is NUL, so that nothing local matches.
  std::string name;
  uint16_t type = 0;
  uint16_t klass = 0;
  int opcode = 0;
  size_t question_end = 0;  // offset behind the question
  size_t udp_size = kMinUdpSize;
};

inline uint16_t Read16(const uint8_t* at) { return static_cast<uint16_t>(at[0] << 8 | at[1]); }
inline uint32_t Read32(const uint8_t* at) {
  return static_cast<uint32_t>(Read16(at)) << 16 | Read16(at + 2);
}
inline void Write16(uint8_t* at, uint16_t value) {
  at[0] = static_cast<uint8_t>(value >> 8);
  at[1] = static_cast<uint8_t>(value);
}
inline void Write32(uint8_t* at, uint32_t value) {
  Write16(at, static_cast<uint16_t>(value >> 16));
  Write16(at + 2, static_cast<uint16_t>(value));
}

inline int Rcode(const std::string& message) { return message[3] & 0x0f; }
inline bool IsTruncated(const std::string& message) { return (message[2] & 0x02) != 0; }

// False for what deserves no answer: responses, other than one question, names that are compressed
// or too long, records that do not fit.
bool ParseQuery(const uint8_t* data, size_t size, Query* out);

// The bytes that two questions for the same thing have in common: all but the id, in lower case.
std::string CacheKey(const uint8_t* data, size_t size, const Query& query);

// True when `reply` answers this question: response, id, and the question without regard to case.
bool IsReplyTo(const uint8_t* reply, size_t size, uint16_t id, const std::string& question,
               size_t question_end);

// Visits all resource records: type, offset of the TTL, offset and size of the data, whether it is
// of the answer section. False when the message is not well-formed.
struct Record {
  uint16_t type;
  size_t ttl;
  size_t data;
  size_t size;
  bool answer;
  bool authority;
};
bool WalkRecords(const uint8_t* data, size_t size, const std::function<void(const Record&)>& visit);

// How many seconds a reply may be kept, 0 for not at all (RFC 2308 for negative ones).
uint32_t KeepSeconds(const std::string& reply);
// Counts the TTLs of a kept reply down.
void AgeTtls(std::string* reply, uint32_t seconds);

// Makes the reply to a query: header and question, then records whose owner is the question's name.
class Reply {
 public:
  Reply(const uint8_t* query, const Query& parsed, int rcode = 0);
  // False when it does not fit any more; the reply is marked as truncated then.
  bool Add(uint16_t type, const void* data, size_t size, size_t limit);
  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

// A name as wire labels; empty when it is none.
std::string WireName(const std::string& dotted);
// `4.3.2.1.in-addr.arpa` or the ip6.arpa form → the 4 or 16 bytes of the address; else empty.
std::string ReverseAddress(const std::string& name);

}  // namespace dns
