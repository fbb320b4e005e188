#pragma once
#include <string>
#include <vector>

#include "common/errno_result.h"
#include "common/unique_fd.h"

// What becomes of the child: `fds[i]` is its descriptor i, all others are closed.
struct SpawnOptions {
  std::string path;
  std::vector<std::string> argv;
  std::vector<int> fds;
  // O_DIRECTORY descriptor of a cgroup2 directory, or -1 (CLONE_INTO_CGROUP).
  int cgroup_fd = -1;
};

struct SpawnResult {
  int pid = -1;
  UniqueFd pidfd;
};

// clone3(CLONE_VM | CLONE_VFORK | CLONE_PIDFD) and execve with an empty environment. Its price does
// not depend on the size of this process, as fork's does.
Failure Spawn(const SpawnOptions& options, SpawnResult* result);
