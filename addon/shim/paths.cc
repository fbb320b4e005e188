#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstring>

#include "shim/launch.h"
#include "shim/text.h"

// Paths of the container. The image, and other containers that share a volume, decide what lies
// behind them and may change it at any moment: nothing is looked up twice, and nothing is made
// through a link.

namespace {

constexpr int kDepthMax = 255;
constexpr int kLinksMax = 40;

int OpenAt2(int base, const char* path, uint64_t flags, uint64_t resolve) {
  open_how how{};
  how.flags = flags | O_CLOEXEC;
  how.resolve = resolve;
  for (int attempt = 0;; attempt++) {
    const long fd = syscall(SYS_openat2, base, path, &how, sizeof how);
    if (fd >= 0) return static_cast<int>(fd);
    // A rename or mount elsewhere raced with `..`: the kernel asks to try again.
    if (errno != EAGAIN || attempt == 100) return -errno;
  }
}

struct Split {
  char parent[PATH_MAX];
  const char* base;
};

int SplitPath(const char* path, char buffer[PATH_MAX], Split* split) {
  size_t size = strlen(path);
  if (size == 0 || size >= PATH_MAX) return size == 0 ? ENOENT : ENAMETOOLONG;
  memcpy(buffer, path, size + 1);
  while (size > 1 && buffer[size - 1] == '/') buffer[--size] = 0;
  char* slash = strrchr(buffer, '/');
  split->base = slash == nullptr ? buffer : slash + 1;
  const size_t parent = slash == nullptr ? 0 : static_cast<size_t>(slash - buffer);
  memcpy(split->parent, buffer, parent);
  strcpy(split->parent + parent, parent == 0 ? "/" : "");
  const bool dots = strcmp(split->base, ".") == 0 || strcmp(split->base, "..") == 0;
  return dots || *split->base == 0 ? EINVAL : 0;
}

struct Walk {
  uint64_t resolve;
  int links = 0;
};

int Ensure(const char* path, bool directory, Walk* walk, int depth);

// A link to something that is not there: what it names is made, inside the root.
int FollowDangling(int parent, const char* base, bool directory, Walk* walk, int depth) {
  char target[PATH_MAX];
  const ssize_t size = readlinkat(parent, base, target, sizeof target - 1);
  if (size < 0) return errno == EINVAL ? -EEXIST : -errno;
  target[size] = 0;
  if ((walk->resolve & RESOLVE_NO_SYMLINKS) != 0 || ++walk->links > kLinksMax) return -ELOOP;
  if (target[0] == '/') return Ensure(target, directory, walk, depth + 1);
  Text<32> self;
  self.Add("self/fd/").Add(parent);
  char where[PATH_MAX];
  const ssize_t length = readlinkat(launch.proc_fd, self.data(), where, sizeof where - 1);
  if (length < 0) return -errno;
  where[length] = 0;
  if (where[0] != '/') return -EXDEV;
  Text<PATH_MAX> full;
  full.Add(where).Add("/").Add(target);
  return full.full() ? -ENAMETOOLONG : Ensure(full.data(), directory, walk, depth + 1);
}

int MakeLast(int parent, const char* base, bool directory) {
  if (directory) {
    if (mkdirat(parent, base, 0755) != 0) return -errno;
    const int fd = openat(parent, base, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
  }
  const int made = openat(parent, base, O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY | O_CLOEXEC, 0644);
  return made < 0 ? -errno : made;
}

int Ensure(const char* path, bool directory, Walk* walk, int depth) {
  if (depth > kDepthMax) return -ENAMETOOLONG;
  const int found = OpenAt2(launch.root_fd, path, O_PATH,
                            RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | walk->resolve);
  if (found != -ENOENT) return found;
  char buffer[PATH_MAX];
  Split split;
  if (const int error = SplitPath(path, buffer, &split); error != 0) return -error;
  const int parent = Ensure(split.parent, true, walk, depth + 1);
  if (parent < 0) return parent;
  int fd = MakeLast(parent, split.base, directory);
  if (fd == -EEXIST) fd = FollowDangling(parent, split.base, directory, walk, depth);
  close(parent);
  return fd;
}

}  // namespace

int OpenIn(const char* path, uint64_t flags, uint64_t extra_resolve) {
  return OpenAt2(launch.root_fd, path, flags,
                 RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | extra_resolve);
}

int OpenFromCwd(const char* path, uint64_t flags) {
  return OpenAt2(AT_FDCWD, path, flags, RESOLVE_NO_MAGICLINKS);
}

int EnsureDirectory(const char* path, uint64_t extra_resolve) {
  Walk walk{extra_resolve};
  return Ensure(path, true, &walk, 0);
}

int EnsureFile(const char* path, uint64_t extra_resolve) {
  Walk walk{extra_resolve};
  return Ensure(path, false, &walk, 0);
}

int EnsureParent(const char* path, const char** base) {
  static char buffer[PATH_MAX];
  Split split;
  if (const int error = SplitPath(path, buffer, &split); error != 0) return -error;
  *base = split.base;
  return EnsureDirectory(split.parent);
}

int OpenInProc(const char* path, uint64_t flags) {
  const int fd =
      OpenAt2(launch.proc_fd, path, flags, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV);
  if (fd < 0) return fd;
  struct statfs fs;
  if (fstatfs(fd, &fs) == 0 && fs.f_type == PROC_SUPER_MAGIC) return fd;
  close(fd);
  return -EXDEV;
}
