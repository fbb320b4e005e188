#include "kernel/tar_packer.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>

#include "kernel/open_in.h"
#include "kernel/tar_encode.h"
#include "kernel/tree.h"

namespace {

constexpr char kCapability[] = "security.capability";

// Views of the kernel, not files: their directories are packed, what is in them is not.
bool IsPseudo(int dir) {
  struct statfs fs;
  if (fstatfs(dir, &fs) < 0) return true;
  switch (static_cast<unsigned long>(fs.f_type)) {
    case PROC_SUPER_MAGIC:
    case SYSFS_MAGIC:
    case CGROUP_SUPER_MAGIC:
    case CGROUP2_SUPER_MAGIC:
    case DEVPTS_SUPER_MAGIC:
    case DEBUGFS_MAGIC:
    case TRACEFS_MAGIC:
    case SECURITYFS_MAGIC:
    case BPF_FS_MAGIC:
    case NSFS_MAGIC:
    case BINFMTFS_MAGIC:
    case 0x19800202:  // mqueue
      return true;
    default:
      return false;
  }
}

char TypeOf(mode_t mode) {
  switch (mode & S_IFMT) {
    case S_IFREG:
      return '0';
    case S_IFLNK:
      return '2';
    case S_IFCHR:
      return '3';
    case S_IFBLK:
      return '4';
    case S_IFDIR:
      return '5';
    case S_IFIFO:
      return '6';
    default:
      return 0;  // tar knows no sockets
  }
}

// File capabilities; version 3 without its root id, which means nothing elsewhere, as moby does.
void AddCapability(int file, TarHeader* header) {
  constexpr size_t kSizeV2 = 20, kVersionAt = 3;
  char value[64];
  ssize_t size = fgetxattr(file, kCapability, value, sizeof(value));
  if (size < static_cast<ssize_t>(kSizeV2)) return;
  if (value[kVersionAt] == 3) {
    value[kVersionAt] = 2;
    size = kSizeV2;
  }
  header->xattrs.emplace_back(kCapability, std::string(value, size));
}

}  // namespace

Failure TarPacker::Read(TarPart* part) {
  while (part->size < part->capacity) {
    if (cancelled_) return Failure{ECANCELED, "tar", {}};
    Failure failure;
    if (pending_at_ < pending_.size()) {
      CopyPending(part);
    } else if (file_left_) {
      failure = CopyFile(part);
    } else if (zeros_) {
      FillZeros(part);
    } else if (ended_) {
      break;
    } else {
      failure = started_ ? Next() : Start();
    }
    if (failure) return failure;
  }
  return {};
}

void TarPacker::Close() {
  file_.reset();
  dir_.reset();
  base_.reset();
  layer_.reset();
}

void TarPacker::CopyPending(TarPart* part) {
  size_t n = std::min(pending_.size() - pending_at_, part->capacity - part->size);
  memcpy(part->data + part->size, pending_.data() + pending_at_, n);
  part->size += n;
  pending_at_ += n;
  if (pending_at_ < pending_.size()) return;
  pending_.clear();
  pending_at_ = 0;
}

Failure TarPacker::CopyFile(TarPart* part) {
  size_t want = std::min<uint64_t>(file_left_, part->capacity - part->size);
  ssize_t n = Retry([&] { return read(file_.get(), part->data + part->size, want); });
  if (n < 0) return Fail("read");
  // It has become shorter since its size was told: the rest is zeros.
  if (n == 0) zeros_ += std::exchange(file_left_, 0);
  part->size += n;
  file_left_ -= n;
  if (!file_left_) file_.reset();
  return {};
}

void TarPacker::FillZeros(TarPart* part) {
  size_t n = std::min<uint64_t>(zeros_, part->capacity - part->size);
  memset(part->data + part->size, 0, n);
  part->size += n;
  zeros_ -= n;
}

Failure TarPacker::Start() {
  started_ = true;
  struct stat st;
  if (fstat(base_.get(), &st) < 0) return Fail("fstat");
  if (S_ISDIR(st.st_mode) && bare_) {
    Enter(base_.get(), st, {});
  } else {
    UniqueFd pinned(fcntl(base_.get(), F_DUPFD_CLOEXEC, 0));
    if (!pinned) return Fail("fcntl");
    Pack(std::move(pinned), name_);
  }
  return {};
}

Failure TarPacker::Next() {
  while (!levels_.empty()) {
    Level& level = levels_.back();
    if (level.names.empty() || !OpenLevel()) {
      path_.resize(level.path_length);
      levels_.pop_back();
      dir_.reset();
      continue;
    }
    std::string name = std::move(level.names.back());
    level.names.pop_back();
    UniqueFd pinned(openat(dir_.get(), name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    if (!pinned) continue;
    std::string below = JoinPath(path_, name);
    size_t depth = levels_.size(), length = path_.size();
    Pack(std::move(pinned), bare_ ? below : name_ + "/" + below);
    if (levels_.size() > depth) {
      levels_.back().path_length = length;
      path_ = std::move(below);
    }
    return {};
  }
  ended_ = true;
  zeros_ = 2 * kTarBlock;
  return {};
}

// False when the directory is gone, or another one has taken its place.
bool TarPacker::OpenLevel() {
  if (dir_) return true;
  // Without any link, so that nobody can lead the way elsewhere.
  dir_.reset(OpenBelow(base_.get(), path_, O_RDONLY | O_DIRECTORY));
  struct stat st;
  if (!dir_ || fstat(dir_.get(), &st) < 0) return false;
  return st.st_dev == levels_.back().device && st.st_ino == levels_.back().inode;
}

void TarPacker::Pack(UniqueFd pinned, const std::string& name) {
  struct stat st;
  if (fstat(pinned.get(), &st) < 0) return;
  auto fate = layer_ ? layer_->Judge(name, pinned.get(), st) : LayerView::Fate::kPack;
  if (fate == LayerView::Fate::kSkip) return;
  TarHeader header;
  header.name = name;
  if (!Describe(pinned.get(), st, &header)) return;
  const bool directory = header.type == '5';
  if (fate == LayerView::Fate::kHold) {
    std::string held;
    AppendTarHeader(header, &held);
    Enter(pinned.get(), st, std::move(held));
    return;
  }
  Emit(header);
  if (!directory) return;
  if (layer_ && LayerView::IsOpaque(pinned.get())) Emit(LayerView::OpaqueMark(header));
  Enter(pinned.get(), st, {});
}

void TarPacker::Emit(const TarHeader& header) {
  for (Level& level : levels_) pending_ += std::exchange(level.held, {});
  AppendTarHeader(header, &pending_);
}

// False for what is left out.
bool TarPacker::Describe(int pinned, const struct stat& st, TarHeader* header) {
  header->type = TypeOf(st.st_mode);
  if (!header->type) return false;
  header->mode = st.st_mode & 07777;
  header->uid = st.st_uid;
  header->gid = st.st_gid;
  // Whole seconds, as Docker's archives have them; a layer loses nothing.
  header->mtime = st.st_mtim.tv_sec;
  if (layer_) header->mtime_ns = static_cast<int32_t>(st.st_mtim.tv_nsec);
  if (header->type == '5') {
    header->name += '/';
    if (layer_) LayerView::AddUserXattrs(pinned, header);
    return true;
  }
  if (layer_ && LayerView::IsWhiteout(st)) {
    // They are links of one file, which means nothing.
    LayerView::SetWhiteout(header);
    return true;
  }
  if (header->type == '3' || header->type == '4') {
    header->dev_major = major(st.st_rdev);
    header->dev_minor = minor(st.st_rdev);
  }
  if (header->type == '2') {
    char target[4096];
    ssize_t length = readlinkat(pinned, "", target, sizeof(target));
    if (length < 0) return false;
    header->link.assign(target, length);
  }
  const bool linked = st.st_nlink > 1;
  std::string first = linked ? links_[{st.st_dev, st.st_ino}] : "";
  if (!first.empty()) {
    header->type = '1';
    header->link = first;
    return true;
  }
  if (header->type == '0' && !PackFile(pinned, st, header)) return false;
  if (linked) links_[{st.st_dev, st.st_ino}] = header->name;
  return true;
}

bool TarPacker::PackFile(int pinned, const struct stat& st, TarHeader* header) {
  // A regular file for sure, as it is pinned.
  file_.reset(Reopen(pinned, O_RDONLY | O_NOCTTY | O_NONBLOCK));
  if (!file_) return false;
  AddCapability(file_.get(), header);
  if (layer_) LayerView::AddUserXattrs(pinned, header);
  header->size = st.st_size;
  file_left_ = st.st_size;
  zeros_ = TarPadding(st.st_size);
  if (!file_left_) file_.reset();
  return true;
}

void TarPacker::Enter(int pinned, const struct stat& st, std::string held) {
  UniqueFd dir(openat(pinned, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!dir || IsPseudo(dir.get())) return;
  std::vector<DirEntry> entries;
  if (ListDir(dir.get(), &entries)) return;
  Level level{{}, path_.size(), st.st_dev, st.st_ino, std::move(held)};
  level.names.reserve(entries.size());
  for (DirEntry& entry : entries) level.names.push_back(std::move(entry.name));
  std::sort(level.names.begin(), level.names.end(), std::greater<>());
  dir_ = std::move(dir);
  levels_.push_back(std::move(level));
}
