#include "shim/plan.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

const char* Fields::Next() {
  if (!more()) return "";
  const char* field = at_;
  const void* nul = memchr(at_, 0, static_cast<size_t>(end_ - at_));
  if (nul == nullptr) {
    at_ = end_;
    return "";
  }
  at_ = static_cast<const char*>(nul) + 1;
  return field;
}

long long Fields::Number() { return strtoll(Next(), nullptr, 10); }

uint64_t Fields::Hex() { return strtoull(Next(), nullptr, 16); }

int Plan::Open(int fd) {
  struct stat st;
  if (fstat(fd, &st) != 0) return errno;
  if (st.st_size < 1) return EPROTO;
  void* map = mmap(nullptr, static_cast<size_t>(st.st_size), PROT_READ, MAP_PRIVATE, fd, 0);
  if (map == MAP_FAILED) return errno;
  close(fd);
  base_ = static_cast<const char*>(map);
  size_ = static_cast<size_t>(st.st_size);
  at_ = 1;
  return static_cast<uint8_t>(base_[0]) == kPlanVersion ? 0 : EPROTO;
}

bool Plan::Next(const char** name, Fields* fields, int* error) {
  *error = 0;
  if (at_ == size_) return false;
  uint32_t length = 0;
  if (size_ - at_ < sizeof length) {
    *error = EPROTO;
    return false;
  }
  memcpy(&length, base_ + at_, sizeof length);
  at_ += sizeof length;
  if (length == 0 || length > size_ - at_ || memchr(base_ + at_, 0, length) == nullptr) {
    *error = EPROTO;
    return false;
  }
  *fields = Fields(base_ + at_, base_ + at_ + length);
  *name = fields->Next();
  at_ += length;
  return true;
}

void Plan::Close() {
  if (base_ != nullptr) munmap(const_cast<char*>(base_), size_);
  base_ = nullptr;
}
