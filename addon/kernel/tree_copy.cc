#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <map>
#include <utility>

#include "common/unique_fd.h"
#include "kernel/file_copy.h"
#include "kernel/open_in.h"
#include "kernel/tree.h"

namespace {

constexpr int kOpenDir = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK;
constexpr size_t kChunk = 1 << 20;

// What of a file's attributes belongs to the place it lies in, not to the file.
bool IsLocalXattr(const std::string& name) {
  return name.starts_with("trusted.overlay.") || name == "security.selinux";
}

// Works on the entry itself, never on what a link points to: `path` ends in a fixed name below
// /proc/self/fd/N, or is /proc/self/fd/N of an open file.
Failure CopyXattrs(const std::string& from, const std::string& to, bool follow) {
  auto list = follow ? listxattr : llistxattr;
  auto get = follow ? getxattr : lgetxattr;
  auto set = follow ? setxattr : lsetxattr;
  char names[XATTR_LIST_MAX];
  ssize_t length = list(from.c_str(), names, sizeof(names));
  if (length < 0) return errno == EOPNOTSUPP ? Failure{} : Fail("listxattr");
  std::string value;
  for (const char* name = names; name < names + length; name += std::string(name).size() + 1) {
    if (IsLocalXattr(name)) continue;
    value.resize(XATTR_SIZE_MAX);
    ssize_t size = get(from.c_str(), name, value.data(), value.size());
    if (size < 0 && errno == ENODATA) continue;
    if (size < 0) return Fail("getxattr", name);
    if (set(to.c_str(), name, value.data(), size, 0) < 0 && errno != EOPNOTSUPP) {
      return Fail("setxattr", name);
    }
  }
  return {};
}

// Copies `length` bytes at `offset`; each way falls back to the next where file systems cannot.
Failure CopyRange(int from, int to, off_t offset, off_t length) {
  loff_t in = offset, out = offset;
  off_t end = offset + length;
  while (in < end) {
    ssize_t n = Retry([&] { return copy_file_range(from, &in, to, &out, end - in, 0); });
    if (n == 0) return {};
    if (n < 0) break;
  }
  std::string buffer;
  while (in < end) {
    buffer.resize(kChunk);
    size_t want = std::min<off_t>(kChunk, end - in);
    ssize_t n = Retry([&] { return pread(from, buffer.data(), want, in); });
    if (n < 0) return Fail("read");
    if (n == 0) return {};
    for (ssize_t done = 0; done < n;) {
      ssize_t written =
          Retry([&] { return pwrite(to, buffer.data() + done, n - done, in + done); });
      if (written < 0) return Fail("write");
      done += written;
    }
    in += n;
  }
  return {};
}

Failure CopyData(int from, int to, const struct stat& st) {
  if (st.st_size == 0 || ioctl(to, FICLONE, from) == 0) return {};
  if (st.st_blocks * 512 >= st.st_size) return CopyRange(from, to, 0, st.st_size);
  // Holes stay holes.
  if (ftruncate(to, st.st_size) < 0) return Fail("ftruncate");
  for (off_t end = 0;;) {
    off_t start = lseek(from, end, SEEK_DATA);
    if (start < 0 && errno == ENXIO) return {};
    if (start < 0) return CopyRange(from, to, 0, st.st_size);
    end = lseek(from, start, SEEK_HOLE);
    if (end < 0) return Fail("lseek");
    if (Failure failure = CopyRange(from, to, start, end - start)) return failure;
  }
}

}  // namespace

// chown clears setuid bits and drops security.capability, so it comes first.
Failure CopyMetadata(int from, int to, const struct stat& st) {
  if (fchown(to, st.st_uid, st.st_gid) < 0) return Fail("fchown");
  if (Failure failure = CopyXattrs(FdPath(from), FdPath(to), /*follow=*/true)) return failure;
  if (fchmod(to, st.st_mode & 07777) < 0) return Fail("fchmod");
  timespec times[2] = {st.st_atim, st.st_mtim};
  if (futimens(to, times) < 0) return Fail("futimens");
  return {};
}

Failure CopyFile(int from, int dir, const std::string& name) {
  struct stat st;
  if (fstat(from, &st) < 0) return Fail("fstat");
  if (!S_ISREG(st.st_mode)) return Failure{ESTALE, "openat", {}};
  UniqueFd to(
      openat(dir, name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!to) return Fail("openat");
  if (Failure failure = CopyData(from, to.get(), st)) return failure;
  return CopyMetadata(from, to.get(), st);
}

namespace {

class Copier {
 public:
  Copier(int source, int dest, TreeTotals* totals)
      : source_(fcntl(source, F_DUPFD_CLOEXEC, 0)),
        dest_(fcntl(dest, F_DUPFD_CLOEXEC, 0)),
        dest_root_(dest),
        totals_(totals) {}

  Failure Run() {
    struct stat st;
    if (fstat(dest_root_, &dest_root_stat_) < 0) return Fail("fstat");
    if (fstat(source_.get(), &st) < 0) return Fail("fstat");
    if (IsDestination(st)) return Failure{EINVAL, "copy", {}};
    if (Failure failure = Descend("", st)) return failure;
    while (!levels_.empty()) {
      Level& level = levels_.back();
      if (level.entries.empty()) {
        if (Failure failure = Leave()) return failure;
        continue;
      }
      std::string name = std::move(level.entries.back().name);
      level.entries.pop_back();
      if (Failure failure = CopyEntry(name)) {
        if (failure.path.empty()) failure.path = JoinPath(path_, name);
        return failure;
      }
    }
    return {};
  }

 private:
  struct Level {
    std::vector<DirEntry> entries;
    struct stat source;
    ino_t dest_ino;
    size_t path_length;
  };

  // A tree copied into itself would never end.
  bool IsDestination(const struct stat& st) const {
    return st.st_dev == dest_root_stat_.st_dev && st.st_ino == dest_root_stat_.st_ino;
  }

  Failure Descend(const std::string& name, const struct stat& st) {
    struct stat dest;
    if (fstat(dest_.get(), &dest) < 0) return Fail("fstat");
    Level level{{}, st, dest.st_ino, path_.size()};
    if (Failure failure = ListDir(source_.get(), &level.entries)) return failure;
    if (!name.empty()) path_ = JoinPath(path_, name);
    levels_.push_back(std::move(level));
    return {};
  }

  // A directory gets its metadata when its entries are there, else they would change its times.
  Failure Leave() {
    Level level = std::move(levels_.back());
    levels_.pop_back();
    if (Failure failure = CopyMetadata(source_.get(), dest_.get(), level.source)) return failure;
    path_.resize(level.path_length);
    if (levels_.empty()) return {};
    return Ascend();
  }

  // By `..`, so that depth costs no descriptors; whoever moves directories meanwhile is found out.
  Failure Ascend() {
    struct stat st;
    source_.reset(openat(source_.get(), "..", kOpenDir));
    if (!source_ || fstat(source_.get(), &st) < 0) return Fail("openat", path_);
    if (st.st_ino != levels_.back().source.st_ino) return Failure{ESTALE, "openat", path_};
    dest_.reset(openat(dest_.get(), "..", kOpenDir));
    if (!dest_ || fstat(dest_.get(), &st) < 0) return Fail("openat", path_);
    if (st.st_ino != levels_.back().dest_ino) return Failure{ESTALE, "openat", path_};
    return {};
  }

  Failure CopyEntry(const std::string& name) {
    struct stat st;
    if (fstatat(source_.get(), name.c_str(), &st, AT_SYMLINK_NOFOLLOW) < 0) {
      return Fail("fstatat");
    }
    totals_->entries++;
    bool linked = !S_ISDIR(st.st_mode) && st.st_nlink > 1;
    auto key = std::pair{st.st_dev, st.st_ino};
    if (linked && LinkToEarlier(links_[key], name)) return {};
    Failure failure;
    if (S_ISDIR(st.st_mode)) {
      failure = CopyDir(name);
    } else if (S_ISREG(st.st_mode)) {
      failure = CopyRegular(name);
    } else {
      failure = CopySpecial(name, st);
    }
    if (!failure && linked) links_[key] = JoinPath(path_, name);
    return failure;
  }

  bool LinkToEarlier(const std::string& earlier, const std::string& name) {
    if (earlier.empty()) return false;
    UniqueFd fd(OpenIn(dest_root_, earlier, O_PATH | O_NOFOLLOW));
    return fd && LinkFd(fd.get(), dest_.get(), name) == 0;
  }

  Failure CopyDir(const std::string& name) {
    UniqueFd source(openat(source_.get(), name.c_str(), kOpenDir));
    struct stat st;
    if (!source || fstat(source.get(), &st) < 0) return Fail("openat");
    if (IsDestination(st)) return Failure{EINVAL, "copy", {}};
    if (mkdirat(dest_.get(), name.c_str(), 0700) < 0) return Fail("mkdirat");
    UniqueFd dest(openat(dest_.get(), name.c_str(), kOpenDir));
    if (!dest) return Fail("openat");
    source_ = std::move(source);
    dest_ = std::move(dest);
    return Descend(name, st);
  }

  Failure CopyRegular(const std::string& name) {
    UniqueFd from(openat(source_.get(), name.c_str(),
                         O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    struct stat st;
    if (!from || fstat(from.get(), &st) < 0) return Fail("openat");
    if (Failure failure = CopyFile(from.get(), dest_.get(), name)) return failure;
    totals_->bytes += st.st_size;
    return {};
  }

  Failure CopySpecial(const std::string& name, const struct stat& st) {
    const char* entry = name.c_str();
    if (S_ISLNK(st.st_mode)) {
      std::string target(4096, '\0');
      ssize_t length = readlinkat(source_.get(), entry, target.data(), target.size());
      if (length < 0) return Fail("readlinkat");
      target.resize(length);
      if (symlinkat(target.c_str(), dest_.get(), entry) < 0) return Fail("symlinkat");
    } else if (mknodat(dest_.get(), entry, st.st_mode, st.st_rdev) < 0) {
      return Fail("mknodat");
    }
    if (fchownat(dest_.get(), entry, st.st_uid, st.st_gid, AT_SYMLINK_NOFOLLOW) < 0) {
      return Fail("fchownat");
    }
    Failure failure = CopyXattrs(FdPath(source_.get()) + "/" + name,
                                 FdPath(dest_.get()) + "/" + name, /*follow=*/false);
    if (failure) return failure;
    if (!S_ISLNK(st.st_mode) && fchmodat(dest_.get(), entry, st.st_mode & 07777, 0) < 0) {
      return Fail("fchmodat");
    }
    timespec times[2] = {st.st_atim, st.st_mtim};
    if (utimensat(dest_.get(), entry, times, AT_SYMLINK_NOFOLLOW) < 0) return Fail("utimensat");
    return {};
  }

  UniqueFd source_, dest_;
  const int dest_root_;
  struct stat dest_root_stat_ = {};
  TreeTotals* totals_;
  std::vector<Level> levels_;
  // Of the directory at work, relative to the root of the copy.
  std::string path_;
  // First copies of files with several names.
  std::map<std::pair<dev_t, ino_t>, std::string> links_;
};

}  // namespace

Failure CopyTree(int source, int dest, TreeTotals* totals) {
  return Copier(source, dest, totals).Run();
}
