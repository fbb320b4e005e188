#include "kernel/layer_writer.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <utility>

#include "kernel/open_in.h"
#include "kernel/tree.h"

namespace {

constexpr char kWhiteout[] = ".wh.";
constexpr char kAufs[] = ".wh..wh.";
constexpr char kOpaque[] = ".wh..wh..opq";
constexpr char kOpaqueXattr[] = "trusted.overlay.opaque";
constexpr mode_t kImplicitMode = 0755;
constexpr int64_t kMaxId = 0xfffffffe;
// Some 800,000 directories; of deep ones fewer.
constexpr size_t kMaxRemembered = 128 << 20;
constexpr size_t kNodeSize = 96;

Failure Refuse(int error, const char* why, const std::string& name) {
  return Failure{error, "extract", std::string(why) + ": " + name};
}

bool IsWhiteout(const struct stat& st) { return S_ISCHR(st.st_mode) && st.st_rdev == 0; }

// trusted.overlay.* steers the mount itself; the engine alone may set it.
bool IsForbidden(const std::string& name) { return name.starts_with("trusted.overlay."); }

// On the entry itself: `path` is /proc/self/fd/N of a new file, or /proc/self/fd/N/NAME not
// followed.
Failure SetXattrs(const std::string& path, bool follow, const TarHeader& header) {
  auto set = follow ? setxattr : lsetxattr;
  for (auto& [name, value] : header.xattrs) {
    if (IsForbidden(name)) continue;
    if (set(path.c_str(), name.c_str(), value.data(), value.size(), 0) == 0) continue;
    // As moby: what the file system cannot keep is left out.
    if (errno != EOPNOTSUPP && errno != EPERM) return Fail("setxattr", header.name);
  }
  return {};
}

timespec ModificationTime(const TarHeader& header) {
  return {static_cast<time_t>(header.mtime), header.mtime_ns};
}

// chown first: it clears setuid bits and drops security.capability.
Failure SetMetadata(int fd, const TarHeader& header) {
  if (fchown(fd, header.uid, header.gid) < 0) return Fail("fchown", header.name);
  if (!header.xattrs.empty()) {
    if (Failure failure = SetXattrs(FdPath(fd), true, header)) return failure;
  }
  if (fchmod(fd, header.mode & 07777) < 0) return Fail("fchmod", header.name);
  return {};
}

}  // namespace

// ---- limits ----

Failure LayerWriter::Count(const std::string& name) {
  return ++made_ > limits_.entries ? Refuse(EFBIG, "too many entries", name) : Failure{};
}

Failure LayerWriter::Remember(const std::string& path) {
  remembered_ += path.size() + kNodeSize;
  return remembered_ > kMaxRemembered ? Refuse(EFBIG, "too many directories", path) : Failure{};
}

// ---- parents ----

Failure LayerWriter::OpenParent(Place* place) {
  if (!cache_holds_ || cached_path_ != place->parent_path) {
    UniqueFd fd = OpenFromCached(place->parent_path);
    if (!fd) fd.reset(OpenIn(root_.get(), place->parent_path, O_PATH | O_DIRECTORY));
    if (!fd && errno != ENOENT && errno != ENOTDIR) return Fail("openat2", place->path);
    if (!fd) {
      if (Failure failure = MakeParents(place->parent_path, &fd)) return failure;
    }
    cached_ = std::move(fd);
    cached_path_ = place->parent_path;
    cache_holds_ = true;
  }
  place->parent = cached_.get();
  return {};
}

// Most archives go down step by step. Where a link is on the way the root is what counts.
UniqueFd LayerWriter::OpenFromCached(const std::string& path) const {
  size_t skip = cached_path_.empty() ? 0 : cached_path_.size() + 1;
  bool below = cache_holds_ && path.size() > skip && path.starts_with(cached_path_) &&
               (skip == 0 || path[skip - 1] == '/');
  return UniqueFd(below ? OpenBelow(cached_.get(), path.substr(skip), O_PATH | O_DIRECTORY) : -1);
}

Failure LayerWriter::MakeParents(const std::string& path, UniqueFd* result) {
  UniqueFd dir(OpenIn(root_.get(), "", O_PATH | O_DIRECTORY));
  std::string walked;
  for (const std::string& part : SplitPath(path)) {
    walked = JoinPath(walked, part);
    UniqueFd next(OpenBelow(dir.get(), part, O_PATH | O_DIRECTORY));
    // A link leads on, or what is hidden is in the way.
    if (!next && errno != ENOENT) next.reset(OpenIn(root_.get(), walked, O_PATH | O_DIRECTORY));
    if (!next) {
      if (Failure failure = MakeImplicit(dir.get(), part, walked)) return failure;
      next.reset(OpenBelow(dir.get(), part, O_PATH | O_DIRECTORY));
    }
    if (!next) return Fail("openat2", walked);
    dir = std::move(next);
  }
  *result = std::move(dir);
  return {};
}

Failure LayerWriter::MakeImplicit(int dir, const std::string& name, const std::string& path) {
  if (Failure failure = Count(path)) return failure;
  if (Failure failure = Remember(path)) return failure;
  struct stat st;
  bool hidden = fstatat(dir, name.c_str(), &st, AT_SYMLINK_NOFOLLOW) == 0 && IsWhiteout(st);
  if (hidden && unlinkat(dir, name.c_str(), 0) < 0) return Fail("unlinkat", path);
  if (mkdirat(dir, name.c_str(), kImplicitMode) < 0) {
    // A file, or a link that leads nowhere, stands in the way.
    return errno == EEXIST ? Failure{ENOTDIR, "mkdirat", path} : Fail("mkdirat", path);
  }
  implicit_.insert(path);
  if (!hidden) return {};
  // The directory of the lower layers was deleted: this one is a new one.
  std::string made = FdPath(dir) + "/" + name;
  return lsetxattr(made.c_str(), kOpaqueXattr, "y", 1, 0) < 0 ? Fail("setxattr", path) : Failure{};
}

// ---- entries ----

Failure LayerWriter::Begin(const TarHeader& header, std::string* stored) {
  result_.entries++;
  if (Failure failure = Count(header.name)) return failure;
  if (header.size > limits_.bytes - result_.bytes) return Refuse(EFBIG, "too large", header.name);
  Place place;
  if (header.name.empty()) return Refuse(EBADMSG, "empty name", header.name);
  if (!CleanPath(header.name, true, &place.path)) return Refuse(EXDEV, "name", header.name);
  if (place.path.size() > kMaxPath) return Refuse(ENAMETOOLONG, "name", header.name);
  if (place.path.empty()) return {};
  size_t slash = place.path.rfind('/');
  place.name = slash == std::string::npos ? place.path : place.path.substr(slash + 1);
  if (slash != std::string::npos) place.parent_path = place.path.substr(0, slash);
  // Directories of aufs' own bookkeeping.
  if (place.parent_path.starts_with(kAufs) ||
      place.parent_path.find(std::string("/") + kAufs) != std::string::npos) {
    return {};
  }
  if (place.name.starts_with(kAufs) && place.name != kOpaque) return {};
  // It would turn into a whiteout the next time the layer is packed.
  if (place.parent_path.starts_with(kWhiteout) ||
      place.parent_path.find(std::string("/") + kWhiteout) != std::string::npos) {
    return Refuse(EBADMSG, "entry below a whiteout", header.name);
  }
  if (header.uid < 0 || header.uid > kMaxId || header.gid < 0 || header.gid > kMaxId) {
    return Refuse(EINVAL, "owner out of range", header.name);
  }
  if (Failure failure = OpenParent(&place)) return failure;
  if (place.name == kOpaque) return MakeOpaque(place);
  if (place.name.starts_with(kWhiteout)) return MakeWhiteout(place, header);
  open_links_.erase(place.path);
  return Make(place, header, stored);
}

Failure LayerWriter::Make(const Place& place, const TarHeader& header, std::string* stored) {
  switch (header.type) {
    case '0':
      return MakeFile(place, header, stored);
    case '1':
      return MakeLink(place, header);
    case '5':
      return MakeDirectory(place, header);
    default:
      return MakeNode(place, header);
  }
}

// An entry of the same name gives way, unless both are directories.
Failure LayerWriter::RemoveOld(const Place& place, bool* whiteout) {
  struct stat st;
  if (fstatat(place.parent, place.name.c_str(), &st, AT_SYMLINK_NOFOLLOW) < 0) {
    return errno == ENOENT ? Failure{} : Fail("fstatat", place.path);
  }
  *whiteout = IsWhiteout(st);
  // What is removed may be part of how the cached parent was found. (It stays open for this entry.)
  cache_holds_ = false;
  implicit_.erase(place.path);
  if (S_ISDIR(st.st_mode) || (S_ISREG(st.st_mode) && st.st_size > 0)) metadata_->MarkIncomplete();
  if (!S_ISDIR(st.st_mode)) {
    return unlinkat(place.parent, place.name.c_str(), 0) < 0 ? Fail("unlinkat", place.path)
                                                             : Failure{};
  }
  return RemoveTreeAt(place.parent, place.name);
}

Failure LayerWriter::MakeFile(const Place& place, const TarHeader& header, std::string* stored) {
  const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  file_.reset(openat(place.parent, place.name.c_str(), flags, 0600));
  if (!file_ && errno == EEXIST) {
    bool whiteout = false;
    if (Failure failure = RemoveOld(place, &whiteout)) return failure;
    file_.reset(openat(place.parent, place.name.c_str(), flags, 0600));
  }
  if (!file_) return Fail("openat", place.path);
  header_ = header;
  *stored = place.path;
  return {};
}

Failure LayerWriter::Data(const uint8_t* data, size_t size) {
  result_.bytes += static_cast<int64_t>(size);
  while (size) {
    ssize_t n = Retry([&] { return write(file_.get(), data, size); });
    if (n < 0) return Fail("write", header_.name);
    data += n;
    size -= n;
  }
  return {};
}

Failure LayerWriter::Hole(uint64_t size) {
  off_t end = lseek(file_.get(), static_cast<off_t>(size), SEEK_CUR);
  if (end < 0) return Fail("lseek", header_.name);
  // What the file ends with may be a hole.
  return ftruncate(file_.get(), end) < 0 ? Fail("ftruncate", header_.name) : Failure{};
}

Failure LayerWriter::End() {
  UniqueFd file = std::move(file_);
  if (Failure failure = SetMetadata(file.get(), header_)) return failure;
  timespec time = ModificationTime(header_);
  timespec times[2] = {time, time};
  return futimens(file.get(), times) < 0 ? Fail("futimens", header_.name) : Failure{};
}

Failure LayerWriter::MakeDirectory(const Place& place, const TarHeader& header) {
  bool opaque = false;
  if (mkdirat(place.parent, place.name.c_str(), 0700) < 0) {
    if (errno != EEXIST) return Fail("mkdirat", place.path);
    struct stat st;
    if (fstatat(place.parent, place.name.c_str(), &st, AT_SYMLINK_NOFOLLOW) < 0) {
      return Fail("fstatat", place.path);
    }
    if (!S_ISDIR(st.st_mode)) {
      if (Failure failure = RemoveOld(place, &opaque)) return failure;
      if (mkdirat(place.parent, place.name.c_str(), 0700) < 0) return Fail("mkdirat", place.path);
    }
  }
  UniqueFd dir(
      openat(place.parent, place.name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!dir) return Fail("openat", place.path);
  // Its whiteout came before it in the archive: what the lower layers have there stays hidden.
  if (opaque && fsetxattr(dir.get(), kOpaqueXattr, "y", 1, 0) < 0) {
    return Fail("setxattr", place.path);
  }
  implicit_.erase(place.path);
  auto [times, is_new] = dir_times_.try_emplace(place.path);
  times->second = {header.mtime, header.mtime_ns};
  if (Failure failure = is_new ? Remember(place.path) : Failure{}) return failure;
  return SetMetadata(dir.get(), header);
}

Failure LayerWriter::MakeNode(const Place& place, const TarHeader& header) {
  const char* name = place.name.c_str();
  bool whiteout = false;
  if (Failure failure = RemoveOld(place, &whiteout)) return failure;
  if (header.type == '2') {
    if (symlinkat(header.link.c_str(), place.parent, name) < 0)
      return Fail("symlinkat", place.path);
  } else {
    mode_t type = header.type == '3' ? S_IFCHR : header.type == '4' ? S_IFBLK : S_IFIFO;
    if (header.dev_major < 0 || header.dev_major > 0xfff || header.dev_minor < 0 ||
        header.dev_minor > 0xfffff) {
      return Refuse(EINVAL, "device number", header.name);
    }
    dev_t device = type == S_IFIFO ? 0 : makedev(header.dev_major, header.dev_minor);
    if (mknodat(place.parent, name, type | 0600, device) < 0) return Fail("mknodat", place.path);
  }
  if (fchownat(place.parent, name, header.uid, header.gid, AT_SYMLINK_NOFOLLOW) < 0) {
    return Fail("fchownat", place.path);
  }
  std::string path = FdPath(place.parent) + "/" + place.name;
  if (Failure failure = SetXattrs(path, /*follow=*/false, header)) return failure;
  // Nobody else writes here: what was made a moment ago is no link.
  if (header.type != '2' && fchmodat(place.parent, name, header.mode & 07777, 0) < 0) {
    return Fail("fchmodat", place.path);
  }
  timespec time = ModificationTime(header);
  timespec times[2] = {time, time};
  if (utimensat(place.parent, name, times, AT_SYMLINK_NOFOLLOW) < 0) {
    return Fail("utimensat", place.path);
  }
  return {};
}

// The target is pinned before anything of that name is removed. Owner, mode and times are those of
// the entry that made the file.
Failure LayerWriter::MakeLink(const Place& place, const TarHeader& header) {
  std::string target;
  if (!CleanPath(header.link, false, &target)) return Refuse(EXDEV, "hard link", header.link);
  if (target.size() > kMaxPath) return Refuse(ENAMETOOLONG, "hard link", header.link);
  if (target.empty() || target == place.path) return Refuse(EBADMSG, "hard link", header.name);
  UniqueFd fd(OpenIn(root_.get(), target, O_PATH | O_NOFOLLOW));
  if (!fd && errno != ENOENT && errno != ENOTDIR) return Fail("openat2", target);
  if (fd) {
    struct stat st;
    if (fstat(fd.get(), &st) < 0) return Fail("fstat", target);
    if (S_ISDIR(st.st_mode)) return Refuse(EPERM, "hard link to a directory", header.name);
    // What is deleted here is not there, whatever lies in the layers below.
    if (IsWhiteout(st)) return Refuse(ENOENT, "hard link", header.link);
  }
  bool whiteout = false;
  if (Failure failure = RemoveOld(place, &whiteout)) return failure;
  if (!fd) {
    open_links_[place.path] = target;
    return Remember(place.path + target);
  }
  return LinkFd(fd.get(), place.parent, place.name) < 0 ? Fail("linkat", place.path) : Failure{};
}

// ---- whiteouts ----

Failure LayerWriter::MakeWhiteout(const Place& place, const TarHeader& header) {
  std::string name = place.name.substr(sizeof(kWhiteout) - 1);
  if (name.empty() || name == "." || name == "..") {
    return Refuse(EBADMSG, "whiteout", header.name);
  }
  if (mknodat(place.parent, name.c_str(), S_IFCHR, 0) == 0) {
    if (fchownat(place.parent, name.c_str(), header.uid, header.gid, AT_SYMLINK_NOFOLLOW) < 0) {
      return Fail("fchownat", place.path);
    }
    return {};
  }
  if (errno != EEXIST) return Fail("mknodat", place.path);
  // The layer has an entry of that name as well: the whiteout is about the lower layers only, which
  // a file hides anyway and a directory if it is opaque.
  struct stat st;
  if (fstatat(place.parent, name.c_str(), &st, AT_SYMLINK_NOFOLLOW) < 0) {
    return Fail("fstatat", place.path);
  }
  if (!S_ISDIR(st.st_mode)) return {};
  std::string path = FdPath(place.parent) + "/" + name;
  return lsetxattr(path.c_str(), kOpaqueXattr, "y", 1, 0) < 0 ? Fail("setxattr", place.path)
                                                              : Failure{};
}

Failure LayerWriter::MakeOpaque(const Place& place) {
  std::string path = FdPath(place.parent);
  return setxattr(path.c_str(), kOpaqueXattr, "y", 1, 0) < 0 ? Fail("setxattr", place.path)
                                                             : Failure{};
}

Failure LayerWriter::Finish(Result* result) {
  for (auto& [path, time] : dir_times_) {
    // It may have been replaced since.
    UniqueFd dir(OpenIn(root_.get(), path, O_PATH | O_DIRECTORY | O_NOFOLLOW));
    if (!dir) continue;
    timespec at{static_cast<time_t>(time.seconds), time.ns};
    timespec times[2] = {at, at};
    if (utimensat(AT_FDCWD, FdPath(dir.get()).c_str(), times, 0) < 0) {
      return Fail("utimensat", path);
    }
  }
  for (const std::string& path : implicit_) {
    UniqueFd dir(OpenIn(root_.get(), path, O_PATH | O_DIRECTORY | O_NOFOLLOW));
    if (dir) result_.implicit_dirs.push_back(path);
  }
  result_.open_links.assign(open_links_.begin(), open_links_.end());
  *result = std::move(result_);
  return {};
}

void LayerWriter::Close() {
  file_.reset();
  cached_.reset();
  root_.reset();
}
