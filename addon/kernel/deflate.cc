#include "kernel/deflate.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <memory>

#include "kernel/args.h"
#include "kernel/async.h"
#include "kernel/binding.h"
#include "kernel/huffman.h"

namespace {

constexpr int kHashBits = 15;
constexpr int kMinMatch = 4, kMaxMatch = 258;
constexpr int64_t kWindow = 32768;
// Tokens of one deflate block: enough to pay for its code, few enough to follow the data.
constexpr size_t kTokens = 24 * 1024;
// Without a match for so many bytes, every other one is skipped, and then more.
constexpr int kPatience = 5;

// ---- what lengths and distances are written as (RFC 1951 section 3.2.5) ----

struct Symbols {
  std::array<uint8_t, kMaxMatch + 1> length_symbol;
  std::array<uint16_t, 29> length_base;
  std::array<uint8_t, 29> length_extra;
  std::array<uint16_t, kDistances> distance_base;
  std::array<uint8_t, kDistances> distance_extra;
  // Symbols of distances up to 256, and of the others by their upper bits.
  std::array<uint8_t, 256> near, far;

  Symbols() {
    int length = 3;
    for (int symbol = 0; symbol < 29; symbol++) {
      length_base[symbol] = length;
      length_extra[symbol] = symbol < 8 || symbol == 28 ? 0 : symbol / 4 - 1;
      length += 1 << length_extra[symbol];
    }
    length_base[28] = kMaxMatch;
    for (int symbol = 0; symbol < 29; symbol++) {
      int end = symbol == 28 ? kMaxMatch + 1 : length_base[symbol] + (1 << length_extra[symbol]);
      for (int l = length_base[symbol]; l < std::min(end, kMaxMatch + 1); l++)
        length_symbol[l] = symbol;
    }
    int distance = 1;
    for (int symbol = 0; symbol < kDistances; symbol++) {
      distance_base[symbol] = distance;
      distance_extra[symbol] = symbol < 4 ? 0 : symbol / 2 - 1;
      distance += 1 << distance_extra[symbol];
    }
    for (int symbol = 0; symbol < kDistances; symbol++) {
      int end = distance_base[symbol] + (1 << distance_extra[symbol]);
      for (int d = distance_base[symbol]; d < end; d++)
        (d <= 256 ? near[d - 1] : far[(d - 1) >> 7]) = symbol;
    }
  }

  int DistanceSymbol(uint32_t distance) const {
    return distance <= 256 ? near[distance - 1] : far[(distance - 1) >> 7];
  }
};

const Symbols& TheSymbols() {
  static const Symbols symbols;
  return symbols;
}

// ---- matches ----

uint32_t Load32(const uint8_t* p) {
  uint32_t value;
  std::memcpy(&value, p, 4);
  return value;
}

uint32_t Hash(uint32_t value) { return (value * 0x9E3779B1u) >> (32 - kHashBits); }

int MatchLength(const uint8_t* a, const uint8_t* b, int limit) {
  int length = 0;
  while (length + 8 <= limit) {
    uint64_t x, y;
    std::memcpy(&x, a + length, 8);
    std::memcpy(&y, b + length, 8);
    if (x != y) return length + std::countr_zero(x ^ y) / 8;
    length += 8;
  }
  while (length < limit && a[length] == b[length]) length++;
  return length;
}

class Encoder {
 public:
  Encoder(const uint8_t* input, size_t start, size_t end)
      : input_(input), at_(start), end_(end), out_((end - start) / 2 + 1024) {
    heads_->fill(-kWindow - 1);
    size_t from = start > kWindow ? start - kWindow : 0;
    for (size_t at = from; at + kMinMatch <= end && at < start; at++)
      (*heads_)[Hash(Load32(input_ + at))] = static_cast<int32_t>(at);
  }

  std::vector<uint8_t> Run() {
    while (at_ < end_) OneBlock();
    out_.Add(0, 3);
    out_.Align();
    const uint8_t empty[4] = {0, 0, 0xff, 0xff};
    out_.Bytes(empty, sizeof empty);
    return out_.Take();
  }

 private:
  // A literal, or length << 16 | distance.
  using Token = uint32_t;
  void OneBlock() {
    size_t start = at_;
    FindTokens();
    literals_[kEndOfBlock] = 1;
    UseTwo(literals_.data(), kLiterals);
    UseTwo(distances_.data(), kDistances);
    MakeLengths(literals_.data(), kLiterals, kMaxBits, &literal_code_);
    MakeLengths(distances_.data(), kDistances, kMaxBits, &distance_code_);
    CodeLengths lengths(literal_code_, distance_code_);
    size_t stored = at_ - start;
    if ((lengths.Bits() + BodyBits()) / 8 >= stored) {
      Store(start, at_);
      return;
    }
    MakeCodes(kLiterals, &literal_code_);
    MakeCodes(kDistances, &distance_code_);
    out_.Reserve(stored + 64);
    out_.Add(0b100, 3);
    lengths.Write(&out_);
    Write();
  }

  // Works on local copies: what is stored may not be taken for these members by the compiler.
  void FindTokens() {
    literals_.fill(0);
    distances_.fill(0);
    const Symbols& symbols = TheSymbols();
    const uint8_t* input = input_;
    int32_t* heads = heads_->data();
    Token* token = tokens_.get();
    Token* full = token + kTokens - 16;
    size_t at = at_, end = end_, last = end_ - std::min<size_t>(end_, kMinMatch - 1);
    int misses = 0;
    while (at < end && token < full) {
      if (at < last) {
        uint32_t value = Load32(input + at);
        int32_t& head = heads[Hash(value)];
        int64_t candidate = head;
        head = static_cast<int32_t>(at);
        if (static_cast<int64_t>(at) - candidate <= kWindow && Load32(input + candidate) == value) {
          int limit = static_cast<int>(std::min<size_t>(kMaxMatch, end - at));
          int length = MatchLength(input + at, input + candidate, limit);
          uint32_t distance = static_cast<uint32_t>(at - candidate);
          *token++ = length << 16 | distance;
          literals_[257 + symbols.length_symbol[length]]++;
          distances_[symbols.DistanceSymbol(distance)]++;
          size_t next = at + length;
          // Not every place within a match is worth remembering.
          size_t step = length > 16 ? 8 : 2;
          for (at++; at < std::min(next, last); at += step)
            heads[Hash(Load32(input + at))] = static_cast<int32_t>(at);
          at = next;
          misses = 0;
          continue;
        }
      }
      size_t step = std::min<size_t>(1 + std::min(misses++ >> kPatience, 15), end - at);
      for (; step > 0; step--) {
        uint8_t byte = input[at++];
        literals_[byte]++;
        *token++ = byte;
      }
    }
    at_ = at;
    count_ = token - tokens_.get();
  }

  size_t BodyBits() const {
    const Symbols& symbols = TheSymbols();
    size_t bits = 0;
    for (int s = 0; s < kLiterals; s++) {
      int extra = s > kEndOfBlock ? symbols.length_extra[s - 257] : 0;
      bits += static_cast<size_t>(literals_[s]) * (literal_code_.length[s] + extra);
    }
    for (int s = 0; s < kDistances; s++)
      bits += static_cast<size_t>(distances_[s]) *
              (distance_code_.length[s] + symbols.distance_extra[s]);
    return bits;
  }

  void Write() {
    const Symbols& symbols = TheSymbols();
    for (size_t i = 0; i < count_; i++) {
      Token token = tokens_[i];
      if (token < 256) {
        if (out_.Count() > 48) out_.Flush();
        out_.Add(literal_code_.bits[token], literal_code_.length[token]);
        continue;
      }
      int length = token >> 16, distance = token & 0xffff;
      int symbol = symbols.length_symbol[length];
      out_.Flush();
      out_.Add(literal_code_.bits[257 + symbol], literal_code_.length[257 + symbol]);
      out_.Add(length - symbols.length_base[symbol], symbols.length_extra[symbol]);
      symbol = symbols.DistanceSymbol(distance);
      out_.Add(distance_code_.bits[symbol], distance_code_.length[symbol]);
      out_.Add(distance - symbols.distance_base[symbol], symbols.distance_extra[symbol]);
    }
    out_.Flush();
    out_.Add(literal_code_.bits[kEndOfBlock], literal_code_.length[kEndOfBlock]);
    out_.Flush();
  }

  void Store(size_t from, size_t to) {
    while (from < to) {
      size_t size = std::min<size_t>(to - from, 0xffff);
      out_.Add(0, 3);
      out_.Align();
      const uint8_t head[4] = {static_cast<uint8_t>(size), static_cast<uint8_t>(size >> 8),
                               static_cast<uint8_t>(~size), static_cast<uint8_t>(~size >> 8)};
      out_.Bytes(head, sizeof head);
      out_.Bytes(input_ + from, size);
      from += size;
    }
  }

  const uint8_t* input_;
  size_t at_, end_;
  BitWriter out_;
  // Last place of each hash.
  std::unique_ptr<std::array<int32_t, 1 << kHashBits>> heads_ =
      std::make_unique<std::array<int32_t, 1 << kHashBits>>();
  std::unique_ptr<Token[]> tokens_ = std::make_unique<Token[]>(kTokens);
  size_t count_ = 0;
  std::array<uint32_t, kLiterals> literals_;
  std::array<uint32_t, kDistances> distances_;
  Code literal_code_, distance_code_;
};

}  // namespace

std::vector<uint8_t> DeflateBlock(const uint8_t* input, size_t start, size_t end) {
  return Encoder(input, start, end).Run();
}

namespace {

// The input is pinned, and not to be written to until the promise resolves.
Napi::Value DeflateForJavaScript(const Napi::CallbackInfo& info) {
  auto options = info[0].As<Napi::Object>();
  auto data = options.Get("data").As<Napi::Uint8Array>();
  size_t start = Int64(options, "start"), size = data.ByteLength();
  auto pin = std::make_shared<Napi::ObjectReference>(Napi::Persistent(data.As<Napi::Object>()));
  auto made = std::make_shared<std::vector<uint8_t>>();
  return RunOnThread(
      info.Env(),
      [pin, made, start, size, input = data.Data()] {
        *made = DeflateBlock(input, std::min(start, size), size);
        return Failure{};
      },
      [made](Napi::Env env) -> Napi::Value {
        // The buffer lives on what was made, which is not copied again.
        return Napi::Buffer<uint8_t>::New(
            env, made->data(), made->size(),
            [](Napi::Env, uint8_t*, std::shared_ptr<std::vector<uint8_t>>* owner) { delete owner; },
            new std::shared_ptr<std::vector<uint8_t>>(made));
      });
}

}  // namespace

void InitDeflate(Napi::Env env, Napi::Object exports) {
  exports["deflateBlock"] = Napi::Function::New(env, DeflateForJavaScript);
}
