#include "kernel/tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <set>
#include <utility>

#include "common/unique_fd.h"

namespace {

constexpr int kOpenDir = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK;
// Levels of a tree that are held open at a time while it is removed.
constexpr size_t kMaxOpenLevels = 64;

// chattr +i or +a, which a privileged container may have left. Plain files and directories only: a
// device must not be opened.
bool ClearImmutable(int dir, const char* name) {
  struct stat st;
  if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0) return false;
  if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)) return false;
  UniqueFd fd(openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  int flags = 0;
  if (!fd || ioctl(fd.get(), FS_IOC_GETFLAGS, &flags) < 0) return false;
  int cleared = flags & ~(FS_IMMUTABLE_FL | FS_APPEND_FL);
  return cleared != flags && ioctl(fd.get(), FS_IOC_SETFLAGS, &cleared) == 0;
}

class Remover {
 public:
  Failure Run(int dir, const std::string& path) {
    base_ = dir;
    path_ = path;
    Unlink(dir, path.c_str(), DT_UNKNOWN);
    while (!levels_.empty()) Step();
    return first_;
  }

 private:
  struct Level {
    UniqueFd fd;
    std::vector<DirEntry> entries;
    // Name in the level above, for rmdir when this one is empty.
    std::string name;
  };

  void Step() {
    Level& level = levels_.back();
    if (level.entries.empty()) return Leave();
    DirEntry entry = std::move(level.entries.back());
    level.entries.pop_back();
    if (levels_.size() >= kMaxOpenLevels && MoveUp(level.fd.get(), entry)) return;
    Unlink(level.fd.get(), entry.name.c_str(), entry.type);
  }

  // Takes a subdirectory that lies too deep to the top, so that few descriptors do for any depth.
  bool MoveUp(int dir, const DirEntry& entry) {
    if (entry.type != DT_DIR && entry.type != DT_UNKNOWN) return false;
    Level& top = levels_.front();
    std::string name = ".deep-" + std::to_string(moved_++);
    if (renameat(dir, entry.name.c_str(), top.fd.get(), name.c_str()) < 0) return false;
    top.entries.push_back({name, DT_UNKNOWN});
    return true;
  }

  void Unlink(int dir, const char* name, unsigned char type) {
    if (type != DT_DIR && TryUnlink(dir, name, 0)) return;
    if (type != DT_DIR && errno != EISDIR && errno != EPERM) return Note("unlinkat", name);
    Enter(dir, name);
  }

  bool TryUnlink(int dir, const char* name, int flags) {
    if (unlinkat(dir, name, flags) == 0 || errno == ENOENT) return true;
    if (errno != EPERM && errno != EACCES) return false;
    bool retry = ClearImmutable(dir, name);
    if (!levels_.empty()) retry |= ClearImmutable(dir, ".");
    if (!retry) errno = EPERM;
    return retry && (unlinkat(dir, name, flags) == 0 || errno == ENOENT);
  }

  void Enter(int dir, const char* name) {
    UniqueFd fd(openat(dir, name, kOpenDir));
    if (!fd && errno == ENOENT) return;
    // Not a directory, and it could not be unlinked: EPERM was about the file itself.
    if (!fd) {
      if (errno == ENOTDIR || errno == ELOOP) errno = EPERM;
      return Note("unlinkat", name);
    }
    Level level{std::move(fd), {}, name};
    if (Failure failure = ListDir(level.fd.get(), &level.entries)) Keep(std::move(failure));
    levels_.push_back(std::move(level));
  }

  void Leave() {
    Level level = std::move(levels_.back());
    levels_.pop_back();
    int parent = levels_.empty() ? base_ : levels_.back().fd.get();
    level.fd.reset();
    if (!TryUnlink(parent, level.name.c_str(), AT_REMOVEDIR)) Note("rmdir", level.name);
  }

  void Note(const char* syscall, const std::string& name) { Keep(Fail(syscall, name)); }

  void Keep(Failure failure) {
    if (first_) return;
    if (failure.path != path_) failure.path = path_ + ": " + failure.path;
    first_ = std::move(failure);
  }

  int base_ = AT_FDCWD;
  std::string path_;
  std::vector<Level> levels_;
  Failure first_;
  uint64_t moved_ = 0;
};

}  // namespace

Failure ListDir(int dir, std::vector<DirEntry>* entries) {
  int copy = fcntl(dir, F_DUPFD_CLOEXEC, 0);
  if (copy < 0) return Fail("fcntl");
  DIR* stream = fdopendir(copy);
  if (!stream) {
    close(copy);
    return Fail("fdopendir");
  }
  rewinddir(stream);
  errno = 0;
  while (dirent* entry = readdir(stream)) {
    std::string name = entry->d_name;
    if (name != "." && name != "..") entries->push_back({std::move(name), entry->d_type});
    errno = 0;
  }
  Failure failure = errno ? Fail("getdents64") : Failure{};
  closedir(stream);
  return failure;
}

Failure RemoveTree(const std::string& path) {
  std::string trimmed = path;
  while (trimmed.size() > 1 && trimmed.back() == '/') trimmed.pop_back();
  return Remover().Run(AT_FDCWD, trimmed);
}

Failure RemoveTreeAt(int dir, const std::string& name) { return Remover().Run(dir, name); }

namespace {

// One walk; ESTALE when somebody moved a directory meanwhile.
class Measurer {
 public:
  Failure Run(const std::string& path, TreeTotals* totals) {
    totals_ = totals;
    UniqueFd dir(open(path.c_str(), kOpenDir));
    struct stat st;
    if (!dir || fstat(dir.get(), &st) < 0) return Fail("open", path);
    device_ = st.st_dev;
    if (Failure failure = Enter(std::move(dir))) return failure;
    while (!levels_.empty()) {
      Level& level = levels_.back();
      if (level.entries.empty()) {
        if (Failure failure = Leave()) return failure;
        continue;
      }
      DirEntry entry = std::move(level.entries.back());
      level.entries.pop_back();
      if (Failure failure = Count(entry.name)) return failure;
    }
    return {};
  }

 private:
  struct Level {
    std::vector<DirEntry> entries;
    ino_t ino;
  };

  Failure Enter(UniqueFd dir) {
    struct stat st;
    if (fstat(dir.get(), &st) < 0) return Fail("fstat");
    Level level{{}, st.st_ino};
    if (Failure failure = ListDir(dir.get(), &level.entries)) return failure;
    dir_ = std::move(dir);
    levels_.push_back(std::move(level));
    return {};
  }

  // Up by `..`, so that depth costs no descriptors.
  Failure Leave() {
    levels_.pop_back();
    if (levels_.empty()) return {};
    struct stat st;
    dir_.reset(openat(dir_.get(), "..", kOpenDir));
    if (!dir_ || fstat(dir_.get(), &st) < 0) return Fail("openat");
    return st.st_ino == levels_.back().ino ? Failure{} : Failure{ESTALE, "openat", {}};
  }

  Failure Count(const std::string& name) {
    struct stat st;
    if (fstatat(dir_.get(), name.c_str(), &st, AT_SYMLINK_NOFOLLOW) < 0) {
      return errno == ENOENT ? Failure{} : Fail("fstatat", name);
    }
    if (st.st_dev != device_) return {};
    totals_->entries++;
    bool again = !S_ISDIR(st.st_mode) && st.st_nlink > 1 && !linked_.insert(st.st_ino).second;
    if (!again) totals_->bytes += st.st_blocks * int64_t{512};
    if (!S_ISDIR(st.st_mode)) return {};
    UniqueFd child(openat(dir_.get(), name.c_str(), kOpenDir));
    if (child) return Enter(std::move(child));
    return errno == ENOENT || errno == ENOTDIR || errno == ELOOP ? Failure{} : Fail("openat", name);
  }

  TreeTotals* totals_ = nullptr;
  dev_t device_ = 0;
  UniqueFd dir_;
  std::vector<Level> levels_;
  std::set<ino_t> linked_;
};

}  // namespace

Failure MeasureTree(const std::string& path, TreeTotals* totals) {
  constexpr int kMaxAttempts = 5;
  for (int attempt = 1;; attempt++) {
    *totals = {};
    Failure failure = Measurer().Run(path, totals);
    if (failure.error != ESTALE || attempt == kMaxAttempts) return failure;
  }
}
