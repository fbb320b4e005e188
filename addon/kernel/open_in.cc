#include "kernel/open_in.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <utility>

// A rename anywhere on the machine may end a walk through `..` with EAGAIN, openat2(2).
constexpr int kMaxAttempts = 128;

int OpenIn(int root, const std::string& path, int flags) {
  open_how how = {};
  how.flags = static_cast<unsigned>(flags | O_CLOEXEC);
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  const char* target = path.empty() ? "." : path.c_str();
  for (int attempt = 0;; attempt++) {
    long fd = syscall(SYS_openat2, root, target, &how, sizeof(how));
    if (fd >= 0 || (errno != EAGAIN && errno != EINTR) || attempt >= kMaxAttempts) {
      return static_cast<int>(fd);
    }
  }
}

int OpenBelow(int base, const std::string& path, int flags) {
  open_how how = {};
  how.flags = static_cast<unsigned>(flags | O_NOFOLLOW | O_CLOEXEC);
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  const char* target = path.empty() ? "." : path.c_str();
  return static_cast<int>(syscall(SYS_openat2, base, target, &how, sizeof(how)));
}

std::string FdPath(int fd) { return "/proc/self/fd/" + std::to_string(fd); }

int Reopen(int fd, int flags) {
  return Retry([&] { return open(FdPath(fd).c_str(), flags | O_CLOEXEC); });
}

int LinkFd(int fd, int dir, const std::string& name) {
  int result = linkat(fd, "", dir, name.c_str(), AT_EMPTY_PATH);
  // AT_EMPTY_PATH wants CAP_DAC_READ_SEARCH; without it the kernel says ENOENT.
  if (result == 0 || errno != ENOENT) return result;
  return linkat(AT_FDCWD, FdPath(fd).c_str(), dir, name.c_str(), AT_SYMLINK_FOLLOW);
}

std::vector<std::string> SplitPath(const std::string& path) {
  std::vector<std::string> parts;
  for (size_t start = 0; start < path.size();) {
    size_t end = path.find('/', start);
    if (end == std::string::npos) end = path.size();
    if (end > start && path.compare(start, end - start, ".") != 0) {
      parts.push_back(path.substr(start, end - start));
    }
    start = end + 1;
  }
  return parts;
}

bool CleanPath(const std::string& path, bool slash_holds, std::string* result) {
  std::vector<std::string> kept;
  for (std::string& part : SplitPath(path)) {
    if (part != "..") {
      kept.push_back(std::move(part));
    } else if (!kept.empty()) {
      kept.pop_back();
    } else if (!slash_holds || !path.starts_with('/')) {
      return false;
    }
  }
  result->clear();
  for (const std::string& part : kept) {
    if (!result->empty()) *result += '/';
    *result += part;
  }
  return true;
}

std::string JoinPath(const std::string& dir, const std::string& name) {
  return dir.empty() ? name : dir + "/" + name;
}
