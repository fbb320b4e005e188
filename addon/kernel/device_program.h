#pragma once
#include <string>
#include <vector>

#include "common/errno_result.h"

struct DeviceRule {
  bool allow = false;
  char type = 'a';
  // -1 for any.
  int64_t major = -1;
  int64_t minor = -1;
  bool read = false;
  bool write = false;
  bool mknod = false;
};

// Makes a BPF_PROG_TYPE_CGROUP_DEVICE program of the rules, of which the last that matches decides,
// and attaches it to a cgroup2 directory in place of an earlier one of ours.
Failure AttachDeviceProgram(const std::string& cgroup, const std::vector<DeviceRule>& rules);
