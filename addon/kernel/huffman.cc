#include "kernel/huffman.h"

#include <algorithm>

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

void UseTwo(uint32_t* frequency, int symbols) {
  int used = 0;
  for (int symbol = 0; symbol < symbols; symbol++) used += frequency[symbol] > 0;
  for (int symbol = 0; used < 2; symbol++) {
    if (frequency[symbol] > 0) continue;
    frequency[symbol] = 1;
    used++;
  }
}

CodeLengths::CodeLengths(const Code& literal, const Code& distance) {
  literals_ = kLiterals;
  while (literals_ > 257 && literal.length[literals_ - 1] == 0) literals_--;
  distances_ = kDistances;
  while (distances_ > 1 && distance.length[distances_ - 1] == 0) distances_--;
  std::vector<uint8_t> all(literal.length.begin(), literal.length.begin() + literals_);
  all.insert(all.end(), distance.length.begin(), distance.length.begin() + distances_);
  for (size_t at = 0; at < all.size();) {
    size_t run = 1;
    while (at + run < all.size() && all[at + run] == all[at]) run++;
    at += run;
    Runs(all[at - 1], run);
  }
  UseTwo(frequency_.data(), 19);
  MakeLengths(frequency_.data(), 19, 7, &code_);
  MakeCodes(19, &code_);
  while (lengths_ > 4 && code_.length[kOrder[lengths_ - 1]] == 0) lengths_--;
}

size_t CodeLengths::Bits() const {
  size_t bits = 5 + 5 + 4 + 3 * lengths_;
  for (int symbol = 0; symbol < 19; symbol++) bits += frequency_[symbol] * code_.length[symbol];
  return bits + 2 * frequency_[16] + 3 * frequency_[17] + 7 * frequency_[18];
}

void CodeLengths::Write(BitWriter* out) const {
  out->Add(literals_ - 257, 5);
  out->Add(distances_ - 1, 5);
  out->Add(lengths_ - 4, 4);
  for (int i = 0; i < lengths_; i++) {
    out->Flush();
    out->Add(code_.length[kOrder[i]], 3);
  }
  for (const Item& item : items_) {
    out->Flush();
    out->Add(code_.bits[item.symbol], code_.length[item.symbol]);
    if (item.symbol >= 16) out->Add(item.extra, item.symbol == 16 ? 2 : item.symbol == 17 ? 3 : 7);
  }
  out->Flush();
}

void CodeLengths::Put(int symbol, int extra) {
  items_.push_back({static_cast<uint8_t>(symbol), static_cast<uint8_t>(extra)});
  frequency_[symbol]++;
}

void CodeLengths::Runs(int length, size_t run) {
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
