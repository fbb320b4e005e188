#include "kernel/dns_message.h"

#include <cstring>

namespace dns {

namespace {

constexpr size_t kMaxName = 255;
constexpr uint32_t kMaxKeep = 60;
constexpr uint32_t kMaxKeepNegative = 30;

uint8_t Lower(uint8_t c) { return c >= 'A' && c <= 'Z' ? static_cast<uint8_t>(c + 32) : c; }

// The offset behind an uncompressed name, 0 when there is none.
size_t PlainNameEnd(const uint8_t* data, size_t size, size_t at, std::string* name) {
  const size_t start = at;
  while (at < size) {
    const size_t length = data[at++];
    if (length == 0) return at;
    if (length > 63 || at + length > size || at + length - start >= kMaxName) return 0;
    if (name != nullptr) {
      if (!name->empty()) name->push_back('.');
      for (size_t i = 0; i < length; i++)
        name->push_back(data[at + i] == '.' ? '\0' : static_cast<char>(Lower(data[at + i])));
    }
    at += length;
  }
  return 0;
}

// The offset behind a name that may end in a pointer; pointers are not followed.
size_t SkipName(const uint8_t* data, size_t size, size_t at) {
  while (at < size) {
    const size_t length = data[at];
    if (length == 0) return at + 1;
    if ((length & 0xc0) == 0xc0) return at + 2 <= size ? at + 2 : 0;
    if (length > 63) return 0;
    at += 1 + length;
  }
  return 0;
}

}  // namespace

bool ParseQuery(const uint8_t* data, size_t size, Query* out) {
  if (size < kHeaderSize || size > kMaxSize || (data[2] & 0x80) != 0) return false;
  if (Read16(data + 4) != 1 || Read16(data + 6) > 1 || Read16(data + 8) > 1 ||
      Read16(data + 10) > 2)
    return false;
  out->opcode = (data[2] >> 3) & 0x0f;
  const size_t name_end = PlainNameEnd(data, size, kHeaderSize, &out->name);
  if (name_end == 0 || name_end + 4 > size) return false;
  out->type = Read16(data + name_end);
  out->klass = Read16(data + name_end + 2);
  out->question_end = name_end + 4;
  return WalkRecords(data, size, [&](const Record& record) {
    if (record.type != kTypeOpt) return;
    // The class field of OPT is the sender's buffer size (RFC 6891, 6.1.2).
    const size_t limit = Read16(data + record.ttl - 2);
    if (limit > kMinUdpSize) out->udp_size = limit;
  });
}

std::string CacheKey(const uint8_t* data, size_t size, const Query& query) {
  std::string key(reinterpret_cast<const char*>(data) + 2, size - 2);
  // Lengths of labels are below 64 and so are no letters.
  for (size_t i = kHeaderSize - 2; i < query.question_end - 2 - 4; i++)
    key[i] = static_cast<char>(Lower(static_cast<uint8_t>(key[i])));
  return key;
}

bool IsReplyTo(const uint8_t* reply, size_t size, uint16_t id, const std::string& question,
               size_t question_end) {
  if (size < question_end || (reply[2] & 0x80) == 0) return false;
  if (Read16(reply) != id || Read16(reply + 4) != 1) return false;
  const auto* asked = reinterpret_cast<const uint8_t*>(question.data());
  for (size_t i = kHeaderSize; i < question_end; i++)
    if (Lower(reply[i]) != Lower(asked[i])) return false;
  return true;
}

bool WalkRecords(const uint8_t* data, size_t size,
                 const std::function<void(const Record&)>& visit) {
  if (size < kHeaderSize) return false;
  size_t at = kHeaderSize;
  for (int i = Read16(data + 4); i > 0; i--) {
    at = SkipName(data, size, at);
    if (at == 0 || at + 4 > size) return false;
    at += 4;
  }
  const int answers = Read16(data + 6), authorities = Read16(data + 8);
  const int all = answers + authorities + Read16(data + 10);
  // Each takes at least 11 bytes, so a count that lies ends soon.
  for (int i = 0; i < all; i++) {
    at = SkipName(data, size, at);
    if (at == 0 || at + 10 > size) return false;
    const size_t length = Read16(data + at + 8);
    if (at + 10 + length > size) return false;
    visit(Record{Read16(data + at), at + 4, at + 10, length, i < answers,
                 i >= answers && i < answers + authorities});
    at += 10 + length;
  }
  return true;
}

uint32_t KeepSeconds(const std::string& reply) {
  const auto* data = reinterpret_cast<const uint8_t*>(reply.data());
  const int code = Rcode(reply);
  if ((code != 0 && code != kNxDomain) || IsTruncated(reply)) return 0;
  uint32_t lowest = kMaxKeep, negative = 0;
  bool answered = false;
  const bool whole = WalkRecords(data, reply.size(), [&](const Record& record) {
    if (record.type == kTypeOpt) return;
    const uint32_t ttl = Read32(data + record.ttl);
    if (ttl < lowest) lowest = ttl;
    answered = answered || record.answer;
    // MINIMUM is the last field of SOA.
    if (record.authority && record.type == kTypeSoa && record.size >= 22) {
      const uint32_t minimum = Read32(data + record.data + record.size - 4);
      negative = minimum < ttl ? minimum : ttl;
      if (negative > kMaxKeepNegative) negative = kMaxKeepNegative;
    }
  });
  if (!whole) return 0;
  if (answered && code == 0) return lowest;
  return negative < lowest ? negative : lowest;
}

void AgeTtls(std::string* reply, uint32_t seconds) {
  auto* data = reinterpret_cast<uint8_t*>(reply->data());
  WalkRecords(data, reply->size(), [&](const Record& record) {
    if (record.type == kTypeOpt) return;
    const uint32_t ttl = Read32(data + record.ttl);
    Write32(data + record.ttl, ttl > seconds ? ttl - seconds : 0);
  });
}

Reply::Reply(const uint8_t* query, const Query& parsed, int rcode)
    : bytes_(reinterpret_cast<const char*>(query), parsed.question_end) {
  auto* data = reinterpret_cast<uint8_t*>(bytes_.data());
  // Response; opcode and "recursion desired" stay, and so does "checking disabled".
  data[2] = static_cast<uint8_t>(0x80 | (query[2] & 0x79));
  data[3] = static_cast<uint8_t>(0x80 | (query[3] & 0x10) | rcode);
  memset(data + 6, 0, 6);
}

bool Reply::Add(uint16_t type, const void* data, size_t size, size_t limit) {
  if (bytes_.size() + 12 + size > limit) {
    bytes_[2] = static_cast<char>(bytes_[2] | 0x02);
    return false;
  }
  // The owner: a pointer to the question.
  uint8_t head[12] = {0xc0, kHeaderSize};
  Write16(head + 2, type);
  Write16(head + 4, kClassIn);
  Write32(head + 6, kLocalTtl);
  Write16(head + 10, static_cast<uint16_t>(size));
  bytes_.append(reinterpret_cast<const char*>(head), sizeof head);
  bytes_.append(static_cast<const char*>(data), size);
  auto* count = reinterpret_cast<uint8_t*>(bytes_.data()) + 6;
  Write16(count, static_cast<uint16_t>(Read16(count) + 1));
  return true;
}

std::string WireName(const std::string& dotted) {
  std::string wire;
  size_t start = 0;
  while (start <= dotted.size()) {
    size_t end = dotted.find('.', start);
    if (end == std::string::npos) end = dotted.size();
    const size_t length = end - start;
    if (length == 0 || length > 63) return {};
    wire.push_back(static_cast<char>(length));
    wire.append(dotted, start, length);
    start = end + 1;
  }
  wire.push_back(0);
  return wire.size() <= kMaxName ? wire : std::string();
}

namespace {

bool EndsWith(const std::string& text, const std::string& end) {
  return text.size() > end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

std::string ReverseV4(const std::string& digits) {
  uint8_t bytes[4];
  size_t at = 0;
  for (int i = 3; i >= 0; i--) {
    unsigned value = 0;
    size_t count = 0;
    while (at < digits.size() && digits[at] >= '0' && digits[at] <= '9' && count < 3)
      value = value * 10 + static_cast<unsigned>(digits[at++] - '0'), count++;
    if (count == 0 || value > 255) return {};
    bytes[i] = static_cast<uint8_t>(value);
    if (i > 0 && (at >= digits.size() || digits[at++] != '.')) return {};
  }
  return at == digits.size() ? std::string(reinterpret_cast<char*>(bytes), 4) : std::string();
}

std::string ReverseV6(const std::string& nibbles) {
  if (nibbles.size() != 63) return {};
  std::string bytes(16, '\0');
  for (size_t i = 0; i < 32; i++) {
    const char c = nibbles[i * 2];
    if (i < 31 && nibbles[i * 2 + 1] != '.') return {};
    int value = -1;
    if (c >= '0' && c <= '9') value = c - '0';
    if (c >= 'a' && c <= 'f') value = c - 'a' + 10;
    if (value < 0) return {};
    // The lowest nibble comes first.
    const size_t index = 15 - i / 2;
    bytes[index] = static_cast<char>(bytes[index] | (i % 2 == 0 ? value : value << 4));
  }
  return bytes;
}

}  // namespace

std::string ReverseAddress(const std::string& name) {
  const std::string v4 = ".in-addr.arpa", v6 = ".ip6.arpa";
  if (EndsWith(name, v4)) return ReverseV4(name.substr(0, name.size() - v4.size()));
  if (EndsWith(name, v6)) return ReverseV6(name.substr(0, name.size() - v6.size()));
  return {};
}

}  // namespace dns
