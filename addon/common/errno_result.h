#pragma once
#include <cerrno>
#include <string>

// A failed system call as it travels from C++ to JavaScript, where it becomes a KernelError.
struct Failure {
  int error = 0;
  const char* syscall = "";
  std::string path;
  explicit operator bool() const { return error != 0; }
};

inline Failure Fail(const char* syscall, std::string path = {}) {
  return Failure{errno, syscall, std::move(path)};
}

// Repeats a call that a signal interrupted.
template <typename Call>
auto Retry(Call call) {
  auto result = call();
  while (result < 0 && errno == EINTR) result = call();
  return result;
}
