#include "kernel/deflate.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <memory>

#include "kernel/args.h"
#include "kernel/async.h"
#include "kernel/binding.h"

namespace {

constexpr int kHashBits = 15;
constexpr int kMinMatch = 4, kMaxMatch = 258;
constexpr int64_t kWindow = 32768;
constexpr int kLiterals = 286, kDistances = 30, kEndOfBlock = 256;
constexpr int kMaxBits = 15;
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

// ---- bits, least significant first ----

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

// ---- Huffman codes ----

struct Code {
  std::array<uint16_t, 288> bits = {};
  std::array<uint8_t, 288> length = {};
};

// Lengths of at most `max` bits: those of a Huffman tree, where one is too long the tree is made
// flatter until Kraft's sum is one again.
void MakeLengths(const uint32_t* frequency, int symbols, int max, Code* code) {
  struct Node {
    uint64_t weight;
    int parent;
  };
  std::array<int, 288> order;
  int used = 0;
  for (int symbol = 0; symbol < symbols; symbol++) {
    code->length[symbol] = 0;
    if (frequency[symbol] > 0) order[used++] = symbol;
  }
  if (used == 0) return;
  if (used == 1) {
    code->length[order[0]] = 1;
    return;
  }
  std::sort(order.begin(), order.begin() + used, [&](int a, int b) {
    return frequency[a] != frequency[b] ? frequency[a] < frequency[b] : a < b;
  });
  // Leaves in order of weight, then inner nodes in the order they are made, which is the same.
  std::array<Node, 2 * 288> nodes;
  for (int i = 0; i < used; i++) nodes[i] = {frequency[order[i]], 0};
  int leaf = 0, inner = used, total = 2 * used - 1;
  for (int next = used; next < total; next++) {
    uint64_t weight = 0;
    for (int child = 0; child < 2; child++) {
      bool is_leaf = leaf < used && (inner >= next || nodes[leaf].weight <= nodes[inner].weight);
      int taken = is_leaf ? leaf++ : inner++;
      weight += nodes[taken].weight;
      nodes[taken].parent = next;
    }
    nodes[next].weight = weight;
  }
  std::array<int, 2 * 288> depth;
  std::array<int, 2 * 288> count = {};
  depth[total - 1] = 0;
  for (int i = total - 2; i >= 0; i--) {
    depth[i] = depth[nodes[i].parent] + 1;
    if (i < used) count[std::min(depth[i], max)]++;
  }
  int64_t sum = 0;
  for (int length = 1; length <= max; length++) sum += int64_t{count[length]} << (max - length);
  for (; sum > int64_t{1} << max; sum--) {
    count[max]--;
    int shorter = max - 1;
    while (count[shorter] == 0) shorter--;
    count[shorter]--;
    count[shorter + 1] += 2;
  }
  // The rarest get the longest.
  int at = 0;
  for (int length = max; length > 0; length--)
    for (int i = 0; i < count[length]; i++) code->length[order[at++]] = length;
}

// Canonical codes (RFC 1951 section 3.2.2), reversed as they are written.
void MakeCodes(int symbols, Code* code) {
  std::array<uint32_t, kMaxBits + 2> next = {};
  std::array<uint32_t, kMaxBits + 1> count = {};
  for (int symbol = 0; symbol < symbols; symbol++) count[code->length[symbol]]++;
  count[0] = 0;
  for (int length = 1; length <= kMaxBits; length++)
    next[length + 1] = (next[length] + count[length]) << 1;
  for (int symbol = 0; symbol < symbols; symbol++) {
    int length = code->length[symbol];
    if (length == 0) continue;
    uint32_t value = next[length]++, reversed = 0;
    for (int bit = 0; bit < length; bit++) reversed |= ((value >> bit) & 1) << (length - 1 - bit);
    code->bits[symbol] = reversed;
  }
}

// Some decoders want two codes, though one would do.
void UseTwo(uint32_t* frequency, int symbols) {
  int used = 0;
  for (int symbol = 0; symbol < symbols; symbol++) used += frequency[symbol] > 0;
  for (int symbol = 0; used < 2; symbol++) {
    if (frequency[symbol] > 0) continue;
    frequency[symbol] = 1;
    used++;
  }
}

// ---- the code lengths themselves, run-length coded (RFC 1951 section 3.2.7) ----

struct CodeLengths {
  struct Item {
    uint8_t symbol, extra;
  };
  static constexpr std::array<uint8_t, 19> kOrder = {16, 17, 18, 0, 8,  7, 9,  6, 10, 5,
                                                     11, 4,  12, 3, 13, 2, 14, 1, 15};
  std::vector<Item> items;
  std::array<uint32_t, 19> frequency = {};
  Code code;
  int literals, distances, lengths = 19;

  CodeLengths(const Code& literal, const Code& distance) {
    literals = kLiterals;
    while (literals > 257 && literal.length[literals - 1] == 0) literals--;
    distances = kDistances;
    while (distances > 1 && distance.length[distances - 1] == 0) distances--;
    std::vector<uint8_t> all(literal.length.begin(), literal.length.begin() + literals);
    all.insert(all.end(), distance.length.begin(), distance.length.begin() + distances);
    for (size_t at = 0; at < all.size();) {
      size_t run = 1;
      while (at + run < all.size() && all[at + run] == all[at]) run++;
      at += run;
      Runs(all[at - 1], run);
    }
    UseTwo(frequency.data(), 19);
    MakeLengths(frequency.data(), 19, 7, &code);
    MakeCodes(19, &code);
    while (lengths > 4 && code.length[kOrder[lengths - 1]] == 0) lengths--;
  }

  size_t Bits() const {
    size_t bits = 5 + 5 + 4 + 3 * lengths;
    for (int symbol = 0; symbol < 19; symbol++) bits += frequency[symbol] * code.length[symbol];
    return bits + 2 * frequency[16] + 3 * frequency[17] + 7 * frequency[18];
  }

  void Write(BitWriter* out) const {
    out->Add(literals - 257, 5);
    out->Add(distances - 1, 5);
    out->Add(lengths - 4, 4);
    for (int i = 0; i < lengths; i++) {
      out->Flush();
      out->Add(code.length[kOrder[i]], 3);
    }
    for (const Item& item : items) {
      out->Flush();
      out->Add(code.bits[item.symbol], code.length[item.symbol]);
      if (item.symbol >= 16)
        out->Add(item.extra, item.symbol == 16 ? 2 : item.symbol == 17 ? 3 : 7);
    }
    out->Flush();
  }

 private:
  void Put(int symbol, int extra = 0) {
    items.push_back({static_cast<uint8_t>(symbol), static_cast<uint8_t>(extra)});
    frequency[symbol]++;
  }

  void Runs(int length, size_t run) {
    if (length != 0) {
      Put(length);
      run--;
    }
    while (run >= 3) {
      if (length != 0) {
        size_t part = std::min<size_t>(run, 6);
        Put(16, part - 3);
        run -= part;
      } else {
        size_t part = std::min<size_t>(run, 138);
        part <= 10 ? Put(17, part - 3) : Put(18, part - 11);
        run -= part;
      }
    }
    for (; run > 0; run--) Put(length);
  }
};

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
        return Napi::Buffer<uint8_t>::Copy(env, made->data(), made->size());
      });
}

}  // namespace

void InitDeflate(Napi::Env env, Napi::Object exports) {
  exports["deflateBlock"] = Napi::Function::New(env, DeflateForJavaScript);
}
