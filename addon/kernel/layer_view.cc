#include "kernel/layer_view.h"

#include <fcntl.h>
#include <linux/limits.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "kernel/open_in.h"

namespace {

constexpr char kWhiteout[] = ".wh.";
constexpr char kOpaqueName[] = ".wh..wh..opq";
constexpr char kOpaqueXattr[] = "trusted.overlay.opaque";
constexpr char kUserPrefix[] = "user.";

std::string BaseName(const std::string& path) { return path.substr(path.rfind('/') + 1); }

}  // namespace

LayerView::LayerView(UniqueFd lower, const std::vector<std::string>& stubs)
    : lower_(std::move(lower)) {
  for (const std::string& stub : stubs) {
    std::string path = stub.substr(1);
    stubs_.insert(path);
    if (size_t slash = path.rfind('/'); slash != std::string::npos) {
      parents_.insert(path.substr(0, slash));
    }
  }
}

LayerView::Fate LayerView::Judge(const std::string& path, int pinned, const struct stat& st) const {
  // An archive would tell a whiteout by this name.
  if (BaseName(path).starts_with(kWhiteout)) return Fate::kSkip;
  struct stat old;
  if (stubs_.count(path) && !StatLower(path, &old)) {
    if (S_ISDIR(st.st_mode)) return IsOpaque(pinned) ? Fate::kPack : Fate::kHold;
    return (S_ISREG(st.st_mode) && st.st_size == 0) || S_ISLNK(st.st_mode) ? Fate::kSkip
                                                                           : Fate::kPack;
  }
  // Copied up because a stub was made in it.
  if (S_ISDIR(st.st_mode) && parents_.count(path) && !IsOpaque(pinned) && StatLower(path, &old) &&
      old.st_mode == st.st_mode && old.st_uid == st.st_uid && old.st_gid == st.st_gid) {
    return Fate::kHold;
  }
  return Fate::kPack;
}

bool LayerView::StatLower(const std::string& path, struct stat* st) const {
  open_how how = {};
  how.flags = O_PATH | O_NOFOLLOW | O_CLOEXEC;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  UniqueFd fd(
      static_cast<int>(syscall(SYS_openat2, lower_.get(), path.c_str(), &how, sizeof(how))));
  return fd && fstat(fd.get(), st) == 0;
}

void LayerView::SetWhiteout(TarHeader* header) {
  size_t at = header->name.rfind('/');
  header->name.insert(at == std::string::npos ? 0 : at + 1, kWhiteout);
  header->type = '0';
  header->mode = 0600;
  header->dev_major = header->dev_minor = 0;
}

bool LayerView::IsOpaque(int pinned) {
  char value[2];
  ssize_t size = getxattr(FdPath(pinned).c_str(), kOpaqueXattr, value, sizeof(value));
  return size == 1 && value[0] == 'y';
}

TarHeader LayerView::OpaqueMark(const TarHeader& directory) {
  TarHeader mark;
  mark.type = '0';
  mark.name = directory.name + kOpaqueName;
  mark.mode = directory.mode & 0777;
  mark.uid = directory.uid;
  mark.gid = directory.gid;
  mark.mtime = directory.mtime;
  return mark;
}

void LayerView::AddUserXattrs(int pinned, TarHeader* header) {
  std::string path = FdPath(pinned);
  ssize_t length = listxattr(path.c_str(), nullptr, 0);
  if (length <= 0) return;
  std::string names(length, '\0');
  length = listxattr(path.c_str(), names.data(), names.size());
  for (ssize_t at = 0; at < length; at += strlen(&names[at]) + 1) {
    const char* name = &names[at];
    if (strncmp(name, kUserPrefix, sizeof(kUserPrefix) - 1) != 0) continue;
    std::string value(XATTR_SIZE_MAX, '\0');
    ssize_t size = getxattr(path.c_str(), name, value.data(), value.size());
    if (size < 0) continue;
    value.resize(size);
    header->xattrs.emplace_back(name, std::move(value));
  }
}
