#include "kernel/tar_metadata.h"

#include <string.h>

#include <algorithm>

namespace {

constexpr char kMagic[] = "TDTM";
constexpr char kVersion = 1;
constexpr size_t kFlagsOffset = 5, kHeaderSize = 6;
constexpr char kIncomplete = 1;
constexpr size_t kBlock = 512;
constexpr uint64_t kMaxWaste = 1 << 20;
// More than a million entries need; extended headers can be made to take any amount.
constexpr size_t kMaxStream = 128 << 20;
// A shorter run of zeros inside literal bytes is cheaper as it is.
constexpr size_t kMinZeros = 8;

size_t ZeroRun(const uint8_t* data, size_t size) {
  size_t n = 0;
  while (n < size && data[n] == 0) n++;
  return n;
}

// Up to the next run of zeros worth a record, or the end.
size_t LiteralRun(const uint8_t* data, size_t size) {
  for (size_t n = 0; n < size;) {
    size_t zeros = ZeroRun(data + n, size - n);
    if (zeros >= kMinZeros || (zeros && n + zeros == size)) return n;
    n += zeros + 1;
  }
  return size;
}

}  // namespace

TarMetadataWriter::TarMetadataWriter() {
  out_.append(kMagic, 4);
  out_ += kVersion;
  out_ += '\0';
}

void TarMetadataWriter::Varint(uint64_t value) {
  for (; value >= 0x80; value >>= 7) out_ += static_cast<char>(value | 0x80);
  out_ += static_cast<char>(value);
}

void TarMetadataWriter::FlushZeros() {
  if (!zeros_) return;
  out_ += 'Z';
  Varint(zeros_);
  zeros_ = 0;
}

void TarMetadataWriter::Tag(char tag) {
  FlushZeros();
  out_ += tag;
}

// Headers next to each other differ in few bytes: the difference is mostly zeros.
void TarMetadataWriter::Block(const uint8_t* block) {
  if (incomplete_) return;
  Tag('B');
  uint8_t delta[kBlock];
  for (size_t i = 0; i < kBlock; i++) delta[i] = block[i] ^ last_[i];
  memcpy(last_, block, kBlock);
  for (size_t i = 0; i < kBlock;) {
    size_t zeros = ZeroRun(delta + i, kBlock - i);
    size_t literal = LiteralRun(delta + i + zeros, kBlock - i - zeros);
    Varint(zeros);
    Varint(literal);
    out_.append(reinterpret_cast<char*>(delta) + i + zeros, literal);
    i += zeros + literal;
  }
  CheckSize();
}

void TarMetadataWriter::Bytes(const uint8_t* data, size_t size) {
  while (size && !incomplete_) {
    size_t zeros = ZeroRun(data, size);
    zeros_ += zeros;
    data += zeros;
    size -= zeros;
    size_t literal = LiteralRun(data, size);
    if (!literal) continue;
    Tag('R');
    Varint(literal);
    out_.append(reinterpret_cast<const char*>(data), literal);
    data += literal;
    size -= literal;
    CheckSize();
  }
}

void TarMetadataWriter::Waste(const uint8_t* data, size_t size) {
  size_t zeros = ZeroRun(data, size);
  if (zeros == size && !incomplete_) return Bytes(data, size);
  waste_ += size;
  if (waste_ > kMaxWaste) MarkIncomplete();
  Bytes(data, size);
}

void TarMetadataWriter::MarkIncomplete() {
  incomplete_ = true;
  out_.resize(kHeaderSize);
  out_.shrink_to_fit();
  zeros_ = 0;
}

void TarMetadataWriter::CheckSize() {
  if (out_.size() > kMaxStream) MarkIncomplete();
}

void TarMetadataWriter::SparseFile(const std::string& path, uint64_t size,
                                   const std::vector<std::pair<uint64_t, uint64_t>>& parts) {
  if (incomplete_) return;
  Tag('S');
  Varint(size);
  Varint(path.size());
  out_ += path;
  Varint(parts.size());
  for (auto [offset, length] : parts) {
    Varint(offset);
    Varint(length);
  }
  CheckSize();
}

void TarMetadataWriter::File(const std::string& path, uint64_t size) {
  if (incomplete_) return;
  Tag('F');
  Varint(size);
  Varint(path.size());
  out_ += path;
  CheckSize();
}

std::string TarMetadataWriter::Finish(uint64_t size) {
  Tag('E');
  Varint(size);
  if (incomplete_) out_[kFlagsOffset] = kIncomplete;
  return std::move(out_);
}
