#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>

#include "shim/launch.h"

namespace {

int SetReadonly(int mount, unsigned flags) {
  mount_attr attributes{};
  attributes.attr_set = MOUNT_ATTR_RDONLY;
  return mount_setattr(mount, "", AT_EMPTY_PATH | flags, &attributes, sizeof attributes) == 0
             ? 0
             : errno;
}

int OpenEmpty() {
  const int fs = fsopen("tmpfs", FSOPEN_CLOEXEC);
  if (fs < 0) return errno;
  fsconfig(fs, FSCONFIG_SET_STRING, "source", "tmpfs", 0);
  fsconfig(fs, FSCONFIG_SET_STRING, "nr_blocks", "1", 0);
  fsconfig(fs, FSCONFIG_SET_STRING, "nr_inodes", "1", 0);
  fsconfig(fs, FSCONFIG_SET_STRING, "mode", "0755", 0);
  int error = 0;
  if (fsconfig(fs, FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0) error = errno;
  if (error == 0) {
    launch.empty_fd =
        fsmount(fs, FSMOUNT_CLOEXEC,
                MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
    if (launch.empty_fd < 0) error = errno;
  }
  close(fs);
  return error;
}

// The first path gets the mask itself, the others clones: a detached mount cannot be cloned on
// kernels before 6.15.
int Cover(int mask, bool* attached, int target) {
  if (!*attached) {
    *attached = true;
    return MoveMount(mask, target);
  }
  const int clone = open_tree(mask, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
  if (clone < 0) return errno;
  const int error = MoveMount(clone, target);
  close(clone);
  return error;
}

bool IsMissing(int error) { return error == ENOENT || error == ENOTDIR; }

}  // namespace

// The host's /dev/null, taken while its paths are still there and verified: the container's own
// may be anything (CVE-2025-31133). Read-only, or root inside could change its mode.
int OpenMaskSource(Fields*) {
  launch.null_fd = open_tree(AT_FDCWD, "/dev/null", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
  struct stat st;
  if (launch.null_fd < 0 || fstat(launch.null_fd, &st) != 0) return errno;
  if (!S_ISCHR(st.st_mode) || st.st_rdev != makedev(1, 3)) return EINVAL;
  return SetReadonly(launch.null_fd, 0);
}

int MaskPath(Fields* fields) {
  const int target = OpenIn(fields->Next(), O_PATH);
  if (target < 0) return IsMissing(-target) ? 0 : -target;
  struct stat st;
  int error = fstat(target, &st) == 0 ? 0 : errno;
  if (error == 0 && S_ISDIR(st.st_mode)) {
    if (launch.empty_fd < 0) error = OpenEmpty();
    if (error == 0) error = Cover(launch.empty_fd, &launch.empty_attached, target);
  } else if (error == 0) {
    error = Cover(launch.null_fd, &launch.null_attached, target);
  }
  close(target);
  return error;
}

int ReadonlyPath(Fields* fields) {
  const int target = OpenIn(fields->Next(), O_PATH);
  if (target < 0) return IsMissing(-target) ? 0 : -target;
  int error = 0;
  const int tree =
      open_tree(target, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | AT_RECURSIVE);
  if (tree < 0) error = errno;
  if (error == 0) error = SetReadonly(tree, AT_RECURSIVE);
  if (error == 0) error = MoveMount(tree, target);
  close(tree);
  close(target);
  return error;
}
