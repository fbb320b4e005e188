#include "kernel/tar_encode.h"

#include <stdio.h>
#include <string.h>

#include <algorithm>

namespace {

constexpr size_t kNameSize = 100;
constexpr int64_t kMaxId = 07777777, kMaxSize = 077777777777;

bool Fits(const std::string& text) {
  return text.size() <= kNameSize &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > 0 && c < 0x7f; });
}

// "LENGTH KEY=VALUE\n", where the length counts its own digits.
void AppendRecord(const std::string& key, const std::string& value, std::string* out) {
  size_t rest = key.size() + value.size() + 3;
  size_t length = rest + std::to_string(rest).size();
  if (std::to_string(length).size() != std::to_string(rest).size()) length++;
  *out += std::to_string(length) + " " + key + "=" + value + "\n";
}

// Seconds as a decimal, as short as may be. The nanoseconds count forward also before 1970.
std::string TimeText(const TarHeader& header) {
  if (!header.mtime_ns) return std::to_string(header.mtime);
  const bool before = header.mtime < 0;
  int64_t seconds = before ? -(header.mtime + 1) : header.mtime;
  int ns = before ? 1000000000 - header.mtime_ns : header.mtime_ns;
  char fraction[16];
  snprintf(fraction, sizeof(fraction), ".%09d", ns);
  std::string text = (before ? "-" : "") + std::to_string(seconds) + fraction;
  return text.substr(0, text.find_last_not_of('0') + 1);
}

std::string PaxRecordsOf(const TarHeader& header) {
  std::string records;
  for (auto& [name, value] : header.xattrs) AppendRecord("SCHILY.xattr." + name, value, &records);
  if (header.gid > kMaxId) AppendRecord("gid", std::to_string(header.gid), &records);
  if (!Fits(header.link)) AppendRecord("linkpath", header.link, &records);
  if (header.mtime < 0 || header.mtime > kMaxSize || header.mtime_ns) {
    AppendRecord("mtime", TimeText(header), &records);
  }
  if (!Fits(header.name)) AppendRecord("path", header.name, &records);
  if (header.size > kMaxSize) AppendRecord("size", std::to_string(header.size), &records);
  if (header.uid > kMaxId) AppendRecord("uid", std::to_string(header.uid), &records);
  return records;
}

// Octal, zero-padded, NUL-terminated; 0 where a pax record tells the value.
void SetNumber(char* block, size_t offset, size_t length, int64_t value, int64_t max) {
  if (value < 0 || value > max) value = 0;
  for (size_t i = length - 1; i-- > 0; value >>= 3) {
    block[offset + i] = static_cast<char>('0' + (value & 7));
  }
}

void SetText(char* block, size_t offset, const std::string& text) {
  std::string plain = text.substr(0, kNameSize);
  std::replace_if(
      plain.begin(), plain.end(), [](char c) { return c <= 0 || c >= 0x7f; }, '_');
  memcpy(block + offset, plain.data(), plain.size());
}

void AppendBlock(const TarHeader& header, std::string* out) {
  char block[kTarBlock] = {};
  SetText(block, 0, header.name);
  SetNumber(block, 100, 8, header.mode, kMaxId);
  SetNumber(block, 108, 8, header.uid, kMaxId);
  SetNumber(block, 116, 8, header.gid, kMaxId);
  SetNumber(block, 124, 12, header.size, kMaxSize);
  SetNumber(block, 136, 12, header.mtime, kMaxSize);
  memset(block + 148, ' ', 8);
  block[156] = header.type;
  SetText(block, 157, header.link);
  memcpy(block + 257, "ustar\00000", 8);
  SetNumber(block, 329, 8, header.dev_major, kMaxId);
  SetNumber(block, 337, 8, header.dev_minor, kMaxId);
  unsigned sum = 0;
  for (char c : block) sum += static_cast<unsigned char>(c);
  snprintf(block + 148, 8, "%06o", sum);
  out->append(block, sizeof(block));
}

}  // namespace

void AppendTarHeader(const TarHeader& header, std::string* out) {
  std::string records = PaxRecordsOf(header);
  if (!records.empty()) {
    TarHeader extended;
    extended.type = 'x';
    extended.name = "PaxHeaders.0/" + header.name.substr(header.name.find_last_of('/') + 1);
    extended.size = static_cast<int64_t>(records.size());
    AppendBlock(extended, out);
    *out += records;
    out->append(TarPadding(records.size()), '\0');
  }
  AppendBlock(header, out);
}
