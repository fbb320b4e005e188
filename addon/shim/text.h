#pragma once
#include <cstddef>

// Text in a fixed buffer: stdio would cost the idle shim a third of its memory.
template <size_t N>
class Text {
 public:
  Text& Add(const char* text) {
    while (*text != 0 && size_ < N - 1) data_[size_++] = *text++;
    data_[size_] = 0;
    return *this;
  }
  // Control characters become `?`: what is added stays on its line.
  Text& AddPrintable(const char* text) {
    for (; *text != 0 && size_ < N - 1; text++)
      data_[size_++] = static_cast<unsigned char>(*text) < 0x20 ? '?' : *text;
    data_[size_] = 0;
    return *this;
  }
  Text& Add(long long number) {
    char digits[24];
    int at = sizeof digits;
    unsigned long long rest = number < 0 ? 0ULL - static_cast<unsigned long long>(number)
                                         : static_cast<unsigned long long>(number);
    digits[--at] = 0;
    do digits[--at] = static_cast<char>('0' + rest % 10);
    while ((rest /= 10) != 0);
    if (number < 0) digits[--at] = '-';
    return Add(digits + at);
  }
  Text& AddByte(char byte) {
    if (size_ < N - 1) data_[size_++] = byte;
    data_[size_] = 0;
    return *this;
  }
  bool full() const { return size_ == N - 1; }
  const char* data() const { return data_; }
  size_t size() const { return size_; }

 private:
  char data_[N] = {0};
  size_t size_ = 0;
};
