#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "common/errno_result.h"

// A seccomp policy in libseccomp's words (SCMP_ACT_*, SCMP_CMP_*).
struct SeccompArg {
  unsigned index = 0;
  std::string op;
  uint64_t value = 0;
  uint64_t value_two = 0;
};

struct SeccompRule {
  std::vector<std::string> names;
  std::string action;
  int error = 0;
  std::vector<SeccompArg> args;
};

struct SeccompPolicy {
  std::string default_action;
  int default_error = 0;
  std::vector<std::string> architectures;
  std::vector<SeccompRule> rules;
};

// Compiles to an array of struct sock_filter. Names that this libseccomp does not know are left
// out. ENOPKG when libseccomp is not installed.
Failure CompileSeccomp(const SeccompPolicy& policy, std::string* bpf);
