#include "kernel/tar_header.h"

#include <string.h>

#include <algorithm>
#include <limits>
#include <optional>
#include <string_view>

// Strictness is that of Go's archive/tar, which decides what the images of this world look like.
namespace {

struct Field {
  size_t offset, length;
};
constexpr Field kName{0, 100}, kMode{100, 8}, kUid{108, 8}, kGid{116, 8}, kSize{124, 12},
    kMtime{136, 12}, kChecksum{148, 8}, kLink{157, 100}, kDevMajor{329, 8}, kDevMinor{337, 8},
    kPrefix{345, 155}, kStarPrefix{345, 131};
constexpr size_t kTypeOffset = 156, kMagicOffset = 257, kStarTrailerOffset = 508;

std::string String(const uint8_t* block, Field field) {
  const char* start = reinterpret_cast<const char*>(block + field.offset);
  return std::string(start, strnlen(start, field.length));
}

// Octal digits, padded on both sides with spaces and NULs.
std::optional<int64_t> Octal(const uint8_t* block, Field field) {
  const uint8_t* start = block + field.offset;
  const uint8_t* end = start + field.length;
  auto padding = [](uint8_t c) { return c == ' ' || c == '\0'; };
  while (start < end && padding(*start)) start++;
  while (end > start && padding(end[-1])) end--;
  uint64_t value = 0;
  for (; start < end && *start; start++) {
    if (*start < '0' || *start > '7' || value >> 60) return {};
    value = value << 3 | (*start - '0');
  }
  return static_cast<int64_t>(value);
}

// GNU: the first bit set, then a big-endian two's complement number.
std::optional<int64_t> Number(const uint8_t* block, Field field) {
  const uint8_t* bytes = block + field.offset;
  if (!(bytes[0] & 0x80)) return Octal(block, field);
  uint8_t fill = bytes[0] & 0x40 ? 0xff : 0;
  uint64_t value = fill ? ~uint64_t{0} : 0;
  for (size_t i = 0; i < field.length; i++) {
    uint8_t byte = bytes[i];
    if (i == 0) byte = fill ? byte | 0x80 : byte & 0x7f;
    if (static_cast<uint8_t>(value >> 56) != fill) return {};
    value = value << 8 | byte;
  }
  if ((value >> 63) != (fill & 1)) return {};
  return static_cast<int64_t>(value);
}

bool ChecksumHolds(const uint8_t* block) {
  auto expected = Octal(block, kChecksum);
  if (!expected) return false;
  int64_t plain = 0, with_sign = 0;
  for (size_t i = 0; i < kTarBlock; i++) {
    bool own = i >= kChecksum.offset && i < kChecksum.offset + kChecksum.length;
    uint8_t byte = own ? ' ' : block[i];
    plain += byte;
    with_sign += static_cast<int8_t>(byte);
  }
  return *expected == plain || *expected == with_sign;
}

bool Decimal(const std::string& text, int64_t* value) {
  size_t i = !text.empty() && (text[0] == '-' || text[0] == '+') ? 1 : 0;
  if (i == text.size() || text.size() - i > 18) return false;
  int64_t result = 0;
  for (; i < text.size(); i++) {
    if (text[i] < '0' || text[i] > '9') return false;
    result = result * 10 + (text[i] - '0');
  }
  *value = text[0] == '-' ? -result : result;
  return true;
}

// "SECONDS[.FRACTION]", digits beyond nanoseconds are cut.
bool Time(const std::string& text, int64_t* seconds, int32_t* ns) {
  size_t dot = text.find('.');
  if (!Decimal(text.substr(0, dot), seconds)) return false;
  *ns = 0;
  if (dot == std::string::npos) return true;
  std::string fraction = text.substr(dot + 1);
  if (fraction.find_first_not_of("0123456789") != std::string::npos) return false;
  fraction.resize(9, '0');
  int64_t value = 0;
  Decimal(fraction, &value);
  *ns = static_cast<int32_t>(value);
  if (text[0] == '-' && *ns) {
    *seconds -= 1;
    *ns = 1'000'000'000 - *ns;
  }
  return true;
}

bool HasNul(const std::string& text) { return text.find('\0') != std::string::npos; }

}  // namespace

bool IsZeroBlock(const uint8_t* block) {
  return std::all_of(block, block + kTarBlock, [](uint8_t byte) { return byte == 0; });
}

bool ParseTarBlock(const uint8_t* block, TarHeader* header) {
  if (!ChecksumHolds(block)) return false;
  const char* magic = reinterpret_cast<const char*>(block + kMagicOffset);
  bool ustar = memcmp(magic, "ustar\0", 6) == 0;
  bool gnu = memcmp(magic, "ustar  \0", 8) == 0;
  bool star = ustar && memcmp(block + kStarTrailerOffset, "tar\0", 4) == 0;
  auto mode = Number(block, kMode), uid = Number(block, kUid), gid = Number(block, kGid);
  auto size = Number(block, kSize), mtime = Number(block, kMtime);
  if (!mode || !uid || !gid || !size || !mtime) return false;
  header->type = static_cast<char>(block[kTypeOffset]);
  header->name = String(block, kName);
  header->link = String(block, kLink);
  header->mode = *mode;
  header->uid = *uid;
  header->gid = *gid;
  header->size = *size;
  header->mtime = *mtime;
  if (!ustar && !gnu) return true;
  auto major = Number(block, kDevMajor), minor = Number(block, kDevMinor);
  if (!major || !minor) return false;
  header->dev_major = *major;
  header->dev_minor = *minor;
  // GNU keeps other things there.
  std::string prefix = ustar ? String(block, star ? kStarPrefix : kPrefix) : "";
  if (!prefix.empty()) header->name = prefix + "/" + header->name;
  return true;
}

bool ParsePax(const std::string& data, PaxRecords* records) {
  for (size_t start = 0; start < data.size();) {
    size_t space = data.find(' ', start);
    int64_t length = 0;
    if (space == std::string::npos || !Decimal(data.substr(start, space - start), &length)) {
      return false;
    }
    size_t rest = data.size() - start;
    if (length < 5 || static_cast<uint64_t>(length) > rest) return false;
    size_t end = start + length;
    if (space + 1 >= end || data[end - 1] != '\n') return false;
    std::string record = data.substr(space + 1, end - 1 - (space + 1));
    size_t equals = record.find('=');
    if (equals == std::string::npos || equals == 0) return false;
    std::string key = record.substr(0, equals), value = record.substr(equals + 1);
    if (key == "GNU.sparse.offset" || key == "GNU.sparse.numbytes") {
      // Version 0.0 repeats these: together they are the list of version 0.1.
      std::string& list = (*records)["GNU.sparse.map"];
      list += (list.empty() ? "" : ",") + value;
    } else {
      (*records)[key] = std::move(value);
    }
    start = end;
  }
  return true;
}

bool ApplyPax(const PaxRecords& records, TarHeader* header) {
  constexpr std::string_view kXattr = "SCHILY.xattr.";
  for (auto& [key, value] : records) {
    if (key.starts_with(kXattr)) {
      std::string name = key.substr(kXattr.size());
      if (name.empty() || HasNul(name)) return false;
      header->xattrs.emplace_back(name, value);
    }
    // An empty value takes a record of a global header back: the plain field holds.
    if (value.empty()) continue;
    bool good = true;
    if (key == "path") {
      good = !HasNul(value);
      header->name = value;
    } else if (key == "linkpath") {
      good = !HasNul(value);
      header->link = value;
    } else if (key == "size") {
      good = Decimal(value, &header->size);
    } else if (key == "uid") {
      good = Decimal(value, &header->uid);
    } else if (key == "gid") {
      good = Decimal(value, &header->gid);
    } else if (key == "mtime") {
      good = Time(value, &header->mtime, &header->mtime_ns);
    }
    if (!good) return false;
  }
  return true;
}

PaxSparse SparseKind(const PaxRecords& records) {
  auto record = [&](const char* key) {
    auto found = records.find(key);
    return found == records.end() ? std::string_view() : std::string_view(found->second);
  };
  std::string_view major = record("GNU.sparse.major"), minor = record("GNU.sparse.minor");
  if (major == "1" && minor == "0") return PaxSparse::kInside;
  bool listed = major == "0" && (minor == "0" || minor == "1");
  bool unnamed = major.empty() && minor.empty() && !record("GNU.sparse.map").empty();
  return listed || unnamed ? PaxSparse::kListed : PaxSparse::kNo;
}

namespace {

constexpr size_t kSparseField = 12, kSparseFirst = 386, kSparseInFirst = 4, kSparseInNext = 21;
constexpr size_t kSparseMoreFirst = 482, kSparseMoreNext = 504, kSparseRealSize = 483;
// As Go: maps larger than this are an attack.
constexpr size_t kMaxSparse = 1 << 16;

bool AddPart(int64_t offset, int64_t length, SparseMap* map) {
  if (offset < 0 || length < 0 || map->size() >= kMaxSparse) return false;
  map->emplace_back(offset, length);
  return true;
}

}  // namespace

bool ParseSparseBlock(const uint8_t* block, bool first, SparseMap* map, bool* more) {
  size_t at = first ? kSparseFirst : 0, count = first ? kSparseInFirst : kSparseInNext;
  for (size_t i = 0; i < count; i++, at += 2 * kSparseField) {
    if (block[at] == 0) break;
    auto offset = Number(block, {at, kSparseField});
    auto length = Number(block, {at + kSparseField, kSparseField});
    if (!offset || !length || !AddPart(*offset, *length, map)) return false;
  }
  *more = block[first ? kSparseMoreFirst : kSparseMoreNext] != 0;
  return true;
}

int64_t SparseSize(const uint8_t* block) {
  return Number(block, {kSparseRealSize, kSparseField}).value_or(-1);
}

bool ParseSparseList(const std::string& text, const std::string& count, SparseMap* map) {
  int64_t pairs;
  std::vector<int64_t> numbers;
  for (size_t start = 0; start < text.size();) {
    size_t comma = std::min(text.find(',', start), text.size());
    int64_t number;
    if (!Decimal(text.substr(start, comma - start), &number)) return false;
    numbers.push_back(number);
    start = comma + 1;
  }
  if (!Decimal(count, &pairs) || pairs < 0 || static_cast<size_t>(pairs) > kMaxSparse ||
      numbers.size() != 2 * static_cast<size_t>(pairs)) {
    return false;
  }
  for (size_t i = 0; i < numbers.size(); i += 2) {
    if (!AddPart(numbers[i], numbers[i + 1], map)) return false;
  }
  return true;
}

bool ParseSparseText(const std::string& text, SparseMap* map, bool* whole) {
  size_t at = 0;
  auto next = [&](int64_t* number) {
    size_t end = text.find('\n', at);
    if (end == std::string::npos) return false;
    bool good = Decimal(text.substr(at, end - at), number);
    if (!good) *number = -1;
    at = end + 1;
    return true;
  };
  *whole = false;
  int64_t count, offset, length;
  if (!next(&count)) return text.size() < 32;
  if (count < 0 || static_cast<size_t>(count) > kMaxSparse) return false;
  // Block by block it gets longer: it is read when it is all there.
  if (std::count(text.begin(), text.end(), '\n') < 1 + 2 * count) return true;
  map->clear();
  for (int64_t i = 0; i < count; i++) {
    if (!next(&offset) || !next(&length) || !AddPart(offset, length, map)) return false;
  }
  *whole = true;
  return true;
}

std::string ParseLongName(const std::string& data) {
  return std::string(data.c_str(), strnlen(data.data(), data.size()));
}
