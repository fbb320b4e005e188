#pragma once
#include <string>
#include <vector>

#include "common/errno_result.h"
#include "common/unique_fd.h"

// Opens `path` as if `root` were the root directory: neither `..` nor absolute symbolic links lead
// out, magic links of /proc are refused; openat2(2). O_CLOEXEC is added. Negative with errno on
// failure.
int OpenIn(int root, const std::string& path, int flags);

// Opens `path` below `base` without any link on the way or at its end.
int OpenBelow(int base, const std::string& path, int flags);

// A descriptor for reading or writing of what an O_PATH descriptor pins; its access checks are
// anew.
int Reopen(int fd, int flags);

// Gives the file behind `fd` one more name. ENOENT when its last name is gone.
int LinkFd(int fd, int dir, const std::string& name);

// `/proc/self/fd/N`: for calls that know no descriptors.
std::string FdPath(int fd);

// Splits at slashes; empty components and `.` are dropped, `..` is kept.
std::vector<std::string> SplitPath(const std::string& path);

// Lexically, as Go's path.Clean, and relative: false when `..` leads out. Where `slash_holds`, a
// leading slash swallows `..`.
bool CleanPath(const std::string& path, bool slash_holds, std::string* result);

// No path is as long, linux/limits.h; attackers' names are.
constexpr size_t kMaxPath = 4095;

std::string JoinPath(const std::string& dir, const std::string& name);
