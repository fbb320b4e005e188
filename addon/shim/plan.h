#pragma once
#include <cstddef>
#include <cstdint>

// The launch plan: version byte, then records of `u32 length` and that many bytes, which are
// NUL-ended fields and, in few records, raw bytes behind them. It comes from the daemon, over a
// sealed memfd: it is trusted, but a malformed one ends in EPROTO and not in a wild read.

constexpr uint8_t kPlanVersion = 1;
constexpr int kPlanFd = 3;
constexpr int kNotifyFd = 4;
constexpr int kFirstPassedFd = 5;

// Cursor over the fields of one record.
class Fields {
 public:
  Fields() = default;
  Fields(const char* begin, const char* end) : at_(begin), end_(end) {}

  bool more() const { return at_ < end_; }
  // The next field; the empty string behind the last one.
  const char* Next();
  long long Number();
  uint64_t Hex();
  bool Flag() { return Number() != 0; }
  // What follows the fields read so far.
  const char* raw() const { return at_; }
  size_t raw_size() const { return static_cast<size_t>(end_ - at_); }

 private:
  const char* at_ = nullptr;
  const char* end_ = nullptr;
};

class Plan {
 public:
  // Maps the plan; 0 or errno.
  int Open(int fd);
  // The next record and its name; false at the end or, with `*error` set, at a malformed one.
  bool Next(const char** name, Fields* fields, int* error);
  void Close();

 private:
  const char* base_ = nullptr;
  size_t size_ = 0;
  size_t at_ = 0;
};
