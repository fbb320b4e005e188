#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>
#include <vector>

// Huffman codes of deflate blocks (RFC 1951 section 3.2) and the bits they are written as.

constexpr int kLiterals = 286, kDistances = 30, kEndOfBlock = 256;
constexpr int kMaxBits = 15;

// Bits, least significant first.
class BitWriter {
 public:
  explicit BitWriter(size_t capacity) : out_(capacity) {}

  // At most 64 bits in all, of which a flush leaves up to 7.
  void Add(uint64_t bits, int count) {
    bits_ |= bits << count_;
    count_ += count;
  }

  int Count() const { return count_; }

  // Writes eight bytes, of which the whole ones count; `Reserve` made room.
  void Flush() {
    std::memcpy(out_.data() + at_, &bits_, 8);
    at_ += count_ >> 3;
    bits_ = count_ == 64 ? 0 : bits_ >> (count_ & ~7);
    count_ &= 7;
  }

  void Align() {
    Flush();
    if (count_ > 0) count_ = 8;
    Flush();
  }

  void Bytes(const uint8_t* bytes, size_t size) {
    Reserve(size);
    std::memcpy(out_.data() + at_, bytes, size);
    at_ += size;
  }

  // Room for so many bytes more.
  void Reserve(size_t size) {
    if (at_ + size + 16 > out_.size()) out_.resize((at_ + size) * 3 / 2 + 64);
  }

  std::vector<uint8_t> Take() {
    out_.resize(at_);
    return std::move(out_);
  }

 private:
  std::vector<uint8_t> out_;
  size_t at_ = 0;
  uint64_t bits_ = 0;
  int count_ = 0;
};

struct Code {
  std::array<uint16_t, 288> bits = {};
  std::array<uint8_t, 288> length = {};
};

// Lengths of at most `max` bits: those of a Huffman tree, where one is too long the tree is made
// flatter until Kraft's sum is one again.
void MakeLengths(const uint32_t* frequency, int symbols, int max, Code* code);

// Canonical codes (RFC 1951 section 3.2.2), reversed as they are written.
void MakeCodes(int symbols, Code* code);

// Some decoders want two codes, though one would do.
void UseTwo(uint32_t* frequency, int symbols);

// The lengths of both codes, run-length coded themselves (RFC 1951 section 3.2.7).
class CodeLengths {
 public:
  CodeLengths(const Code& literal, const Code& distance);
  size_t Bits() const;
  void Write(BitWriter* out) const;

 private:
  struct Item {
    uint8_t symbol, extra;
  };
  static constexpr std::array<uint8_t, 19> kOrder = {16, 17, 18, 0, 8,  7, 9,  6, 10, 5,
                                                     11, 4,  12, 3, 13, 2, 14, 1, 15};
  void Put(int symbol, int extra = 0);
  void Runs(int length, size_t run);

  std::vector<Item> items_;
  std::array<uint32_t, 19> frequency_ = {};
  Code code_;
  int literals_, distances_, lengths_ = 19;
};
