#include "kernel/live_writer.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <deque>

#include "kernel/open_in.h"
#include "kernel/tree.h"

namespace {

constexpr mode_t kImpliedMode = 0755;
constexpr int64_t kMaxId = 0xfffffffe;
constexpr int kMaxLinks = 255;
// Some 800,000 directories; of deep ones fewer.
constexpr size_t kMaxRemembered = 128 << 20;
constexpr size_t kNodeSize = 96;

Failure Refuse(int error, const std::string& name) { return Failure{error, "extract", name}; }

// Links may be on the way, as long as they stay below and are relative.
int OpenBeneath(int dest, const std::string& path) {
  open_how how = {};
  how.flags = O_PATH | O_DIRECTORY | O_CLOEXEC;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
  const char* target = path.empty() ? "." : path.c_str();
  return static_cast<int>(syscall(SYS_openat2, dest, target, &how, sizeof(how)));
}

// Of the entry itself: what `made` pins is no link, or `fd_path` is not followed.
Failure SetXattrs(const std::string& fd_path, const TarHeader& header) {
  for (auto& [name, value] : header.xattrs) {
    // They steer overlay mounts; the engine alone may set them.
    if (name.starts_with("trusted.overlay.")) continue;
    if (setxattr(fd_path.c_str(), name.c_str(), value.data(), value.size(), 0) == 0) continue;
    // As moby: what is not allowed is left out.
    if (errno != EPERM) return Fail("setxattr", header.name);
  }
  return {};
}

}  // namespace

// ---- parents ----

Failure LiveWriter::OpenParent(Place* place) {
  if (!cached_ || cached_path_ != place->parent_path) {
    UniqueFd fd(OpenBeneath(dest_.get(), place->parent_path));
    if (!fd && errno != ENOENT && errno != EXDEV && errno != EAGAIN) {
      return Fail("openat2", place->path);
    }
    if (!fd) {
      if (Failure failure = MakeParents(place->parent_path, &fd)) return failure;
    }
    cached_ = std::move(fd);
    cached_path_ = place->parent_path;
  }
  place->parent = cached_.get();
  return {};
}

// Component by component. Absolute links are taken as if the destination were the root, relative
// ones that lead out are refused, targets of dangling ones are made; as moby does. Whoever
// exchanges components meanwhile decides where below the destination it is made, no more.
Failure LiveWriter::MakeParents(const std::string& path, UniqueFd* result) {
  auto parts = SplitPath(path);
  std::deque<std::string> pending(parts.begin(), parts.end());
  std::vector<std::string> resolved;
  bool was_absolute = false;
  int links = 0;
  auto open_resolved = [&] {
    std::string joined;
    for (const std::string& part : resolved) joined = JoinPath(joined, part);
    return UniqueFd(OpenIn(dest_.get(), joined, O_PATH | O_DIRECTORY));
  };
  UniqueFd parent = open_resolved();
  while (!pending.empty()) {
    if (!parent) return Fail("openat2", path);
    std::string name = std::move(pending.front());
    pending.pop_front();
    if (name == "..") {
      if (resolved.empty() && !was_absolute) return Refuse(EXDEV, path);
      if (!resolved.empty()) resolved.pop_back();
      parent = open_resolved();
      continue;
    }
    UniqueFd entry(openat(parent.get(), name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    if (!entry && errno != ENOENT) return Fail("openat", path);
    struct stat st = {};
    if (entry && fstat(entry.get(), &st) < 0) return Fail("fstat", path);
    if (entry && S_ISLNK(st.st_mode)) {
      if (++links > kMaxLinks) return Failure{ELOOP, "openat2", path};
      char target[4096];
      ssize_t length = readlinkat(entry.get(), "", target, sizeof(target));
      if (length < 0) return Fail("readlinkat", path);
      if (target[0] == '/') {
        resolved.clear();
        parent = open_resolved();
      }
      was_absolute |= target[0] == '/';
      auto more = SplitPath(std::string(target, length));
      pending.insert(pending.begin(), more.begin(), more.end());
      continue;
    }
    if (entry && !S_ISDIR(st.st_mode)) return Failure{ENOTDIR, "mkdirat", path};
    if (!entry && mkdirat(parent.get(), name.c_str(), kImpliedMode) < 0 && errno != EEXIST) {
      return Fail("mkdirat", path);
    }
    if (!entry) entry.reset(OpenBelow(parent.get(), name, O_PATH | O_DIRECTORY));
    parent = std::move(entry);
    resolved.push_back(std::move(name));
  }
  *result = open_resolved();
  return *result ? Failure{} : Fail("openat2", path);
}

// ---- entries ----

Failure LiveWriter::Begin(const TarHeader& header, std::string* stored) {
  Place place;
  if (!CleanPath(header.name, false, &place.path)) return Refuse(EXDEV, header.name);
  if (place.path.empty()) return {};
  if (place.path.size() > kMaxPath) return Failure{ENAMETOOLONG, "extract", header.name};
  size_t slash = place.path.rfind('/');
  place.name = slash == std::string::npos ? place.path : place.path.substr(slash + 1);
  if (slash != std::string::npos) place.parent_path = place.path.substr(0, slash);
  header_ = header;
  if (options_.uid >= 0) header_.uid = options_.uid;
  if (options_.gid >= 0) header_.gid = options_.gid;
  header_.mtime = std::max<int64_t>(header_.mtime, 0);
  if (header_.uid < 0 || header_.uid > kMaxId || header_.gid < 0 || header_.gid > kMaxId) {
    return Refuse(EINVAL, header.name);
  }
  if (Failure failure = OpenParent(&place)) return failure;
  switch (header.type) {
    case '0':
      *stored = place.path;
      return MakeFile(place);
    case '1':
      return MakeLink(place);
    case '5':
      return MakeDirectory(place);
    default:
      return MakeNode(place);
  }
}

// An entry of the same name gives way, unless both are directories.
Failure LiveWriter::GiveWay(const Place& place, char type) {
  struct stat st;
  if (fstatat(place.parent, place.name.c_str(), &st, AT_SYMLINK_NOFOLLOW) < 0) {
    return errno == ENOENT ? Failure{} : Fail("fstatat", place.path);
  }
  bool is_dir = S_ISDIR(st.st_mode);
  if (options_.keep_kind && is_dir != (type == '5')) {
    return Failure{is_dir ? EISDIR : ENOTDIR, "overwrite", place.path};
  }
  if (is_dir && type == '5') return {};
  if (is_dir) {
    // The cached parent may lie in it by way of a link.
    cached_path_ = "//";
    return RemoveTreeAt(place.parent, place.name);
  }
  if (S_ISLNK(st.st_mode)) cached_path_ = "//";
  if (unlinkat(place.parent, place.name.c_str(), 0) == 0 || errno == ENOENT) return {};
  return Fail("unlinkat", place.path);
}

Failure LiveWriter::MakeFile(const Place& place) {
  // Mostly right as it is; `End` looks.
  const mode_t mode = header_.mode & 0777;
  const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  file_.reset(openat(place.parent, place.name.c_str(), flags, mode));
  if (!file_ && errno == EEXIST) {
    if (Failure failure = GiveWay(place, '0')) return failure;
    file_.reset(openat(place.parent, place.name.c_str(), flags, mode));
  }
  return file_ ? Failure{} : Fail("openat", place.path);
}

Failure LiveWriter::Data(const uint8_t* data, size_t size) {
  while (size) {
    ssize_t n = Retry([&] { return write(file_.get(), data, size); });
    if (n < 0) return Fail("write", header_.name);
    data += n;
    size -= n;
  }
  return {};
}

Failure LiveWriter::Hole(uint64_t size) {
  off_t end = lseek(file_.get(), static_cast<off_t>(size), SEEK_CUR);
  if (end < 0) return Fail("lseek", header_.name);
  // What the file ends with may be a hole.
  return ftruncate(file_.get(), end) < 0 ? Fail("ftruncate", header_.name) : Failure{};
}

// chown first: it clears setuid bits and drops security.capability.
Failure LiveWriter::End() {
  UniqueFd file = std::move(file_);
  struct stat st;
  if (fstat(file.get(), &st) < 0) return Fail("fstat", header_.name);
  // Each of these dirties the inode: for most files of most archives they would change nothing.
  mode_t mode = header_.mode & 07777;
  bool owned = st.st_uid == header_.uid && st.st_gid == header_.gid;
  if (!owned && fchown(file.get(), header_.uid, header_.gid) < 0) {
    return Fail("fchown", header_.name);
  }
  if (!header_.xattrs.empty()) {
    if (Failure failure = SetXattrs(FdPath(file.get()), header_)) return failure;
  }
  bool moded = (st.st_mode & 07777) == mode && (owned || !(mode & 06000));
  if (!moded && fchmod(file.get(), mode) < 0) return Fail("fchmod", header_.name);
  timespec time{static_cast<time_t>(header_.mtime), header_.mtime_ns};
  timespec times[2] = {time, time};
  return futimens(file.get(), times) < 0 ? Fail("futimens", header_.name) : Failure{};
}

// Pins what was made, whatever it is by now: nothing below acts on a name any more.
Failure LiveWriter::OpenMade(const Place& place, UniqueFd* made) {
  made->reset(openat(place.parent, place.name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  return *made ? Failure{} : Fail("openat", place.path);
}

Failure LiveWriter::SetMetadata(int made, bool is_link) {
  if (fchownat(made, "", header_.uid, header_.gid, AT_EMPTY_PATH) < 0) {
    return Fail("fchownat", header_.name);
  }
  if (is_link) return {};
  std::string path = FdPath(made);
  if (Failure failure = SetXattrs(path, header_)) return failure;
  return chmod(path.c_str(), header_.mode & 07777) < 0 ? Fail("chmod", header_.name) : Failure{};
}

Failure LiveWriter::SetTimes(const Place& place, int made, bool is_link) {
  timespec time{static_cast<time_t>(header_.mtime), header_.mtime_ns};
  timespec times[2] = {time, time};
  int result = is_link ? utimensat(place.parent, place.name.c_str(), times, AT_SYMLINK_NOFOLLOW)
                       : utimensat(AT_FDCWD, FdPath(made).c_str(), times, 0);
  return result < 0 ? Fail("utimensat", place.path) : Failure{};
}

Failure LiveWriter::MakeDirectory(const Place& place) {
  if (mkdirat(place.parent, place.name.c_str(), 0700) < 0) {
    if (errno != EEXIST) return Fail("mkdirat", place.path);
    if (Failure failure = GiveWay(place, '5')) return failure;
    if (mkdirat(place.parent, place.name.c_str(), 0700) < 0 && errno != EEXIST) {
      return Fail("mkdirat", place.path);
    }
  }
  UniqueFd made(
      openat(place.parent, place.name.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!made) return Fail("openat", place.path);
  auto [times, is_new] = dir_times_.try_emplace(place.path);
  times->second = {static_cast<time_t>(header_.mtime), header_.mtime_ns};
  if (is_new) remembered_ += place.path.size() + kNodeSize;
  if (remembered_ > kMaxRemembered) return Refuse(EFBIG, header_.name);
  return SetMetadata(made.get(), /*is_link=*/false);
}

Failure LiveWriter::MakeNode(const Place& place) {
  const char* name = place.name.c_str();
  if (Failure failure = GiveWay(place, header_.type)) return failure;
  const bool is_link = header_.type == '2';
  const mode_t type = is_link               ? S_IFLNK
                      : header_.type == '3' ? S_IFCHR
                      : header_.type == '4' ? S_IFBLK
                                            : S_IFIFO;
  if (is_link) {
    if (symlinkat(header_.link.c_str(), place.parent, name) < 0) {
      return Fail("symlinkat", place.path);
    }
  } else {
    if (header_.dev_major < 0 || header_.dev_major > 0xfff || header_.dev_minor < 0 ||
        header_.dev_minor > 0xfffff) {
      return Refuse(EINVAL, header_.name);
    }
    dev_t device = type == S_IFIFO ? 0 : makedev(header_.dev_major, header_.dev_minor);
    if (mknodat(place.parent, name, type | 0600, device) < 0) return Fail("mknodat", place.path);
  }
  UniqueFd made;
  if (Failure failure = OpenMade(place, &made)) return failure;
  struct stat st;
  if (fstat(made.get(), &st) < 0) return Fail("fstat", place.path);
  // Somebody has exchanged it: then it is theirs.
  if ((st.st_mode & S_IFMT) != type) return {};
  if (Failure failure = SetMetadata(made.get(), is_link)) return failure;
  return SetTimes(place, made.get(), is_link);
}

// The target is pinned before anything of the link's name is removed.
Failure LiveWriter::MakeLink(const Place& place) {
  Place target;
  if (!CleanPath(header_.link, false, &target.path) || target.path.empty()) {
    return Refuse(EXDEV, header_.link);
  }
  UniqueFd fd(OpenIn(dest_.get(), target.path, O_PATH | O_NOFOLLOW));
  if (!fd) return Fail("openat2", header_.link);
  struct stat st;
  if (fstat(fd.get(), &st) < 0) return Fail("fstat", header_.link);
  if (target.path != place.path) {
    if (Failure failure = GiveWay(place, '1')) return failure;
    if (LinkFd(fd.get(), place.parent, place.name) < 0) return Fail("linkat", place.path);
  }
  bool is_link = S_ISLNK(st.st_mode);
  if (Failure failure = SetMetadata(fd.get(), is_link)) return failure;
  return is_link ? Failure{} : SetTimes(place, fd.get(), false);
}

Failure LiveWriter::Finish() {
  for (auto& [path, time] : dir_times_) {
    // It may have been replaced since.
    UniqueFd dir(OpenIn(dest_.get(), path, O_PATH | O_DIRECTORY | O_NOFOLLOW));
    if (!dir) continue;
    timespec times[2] = {time, time};
    if (utimensat(AT_FDCWD, FdPath(dir.get()).c_str(), times, 0) < 0) {
      return Fail("utimensat", path);
    }
  }
  return {};
}

void LiveWriter::Close() {
  file_.reset();
  cached_.reset();
  dest_.reset();
}
