#pragma once
#include <cstddef>
#include <cstdlib>
#include <cstring>

// Bytes waiting to be written. Holds no memory while empty: most shims never need any.
class Queue {
 public:
  bool empty() const { return begin_ == end_; }
  size_t size() const { return end_ - begin_; }
  const char* data() const { return data_ + begin_; }

  // false when there is no memory.
  bool Append(const void* bytes, size_t count) {
    if (count == 0) return true;
    if (capacity_ - end_ < count && !MakeRoom(count)) return false;
    memcpy(data_ + end_, bytes, count);
    end_ += count;
    return true;
  }

  void Consume(size_t count) {
    begin_ += count;
    if (begin_ == end_) Clear();
  }

  void Clear() {
    free(data_);
    data_ = nullptr;
    begin_ = end_ = capacity_ = 0;
  }

 private:
  bool MakeRoom(size_t count) {
    if (begin_ > 0 && size() + count <= capacity_) {
      memmove(data_, data_ + begin_, size());
    } else {
      size_t wanted = capacity_ == 0 ? 4096 : capacity_ * 2;
      while (wanted < size() + count) wanted *= 2;
      char* bigger = static_cast<char*>(malloc(wanted));
      if (bigger == nullptr) return false;
      if (!empty()) memcpy(bigger, data(), size());
      free(data_);
      data_ = bigger;
      capacity_ = wanted;
    }
    end_ -= begin_;
    begin_ = 0;
    return true;
  }

  char* data_ = nullptr;
  size_t begin_ = 0;
  size_t end_ = 0;
  size_t capacity_ = 0;
};
