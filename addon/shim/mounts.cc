#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "shim/launch.h"

namespace {

uint64_t Propagation(const char* name) {
  if (*name == 'r') name++;
  if (strcmp(name, "shared") == 0) return MS_SHARED;
  return strcmp(name, "slave") == 0 ? MS_SLAVE : MS_PRIVATE;
}

int SetAttributes(int mount, unsigned flags, uint64_t set, uint64_t clear, uint64_t propagation) {
  mount_attr attributes{};
  attributes.attr_set = set;
  attributes.attr_clr = clear;
  attributes.propagation = propagation;
  return mount_setattr(mount, "", AT_EMPTY_PATH | flags, &attributes, sizeof attributes) == 0
             ? 0
             : errno;
}

long FilesystemType(int fd) {
  struct statfs fs;
  return fstatfs(fd, &fs) == 0 ? static_cast<long>(fs.f_type) : 0;
}

// Files that lxcfs and the like may cover; anything else over procfs is an attack on what is
// written through it (CVE-2019-16884, CVE-2023-27561).
bool MayCoverProc(const char* path) {
  static const char* const kAllowed[] = {"/proc/cpuinfo",
                                         "/proc/diskstats",
                                         "/proc/meminfo",
                                         "/proc/stat",
                                         "/proc/swaps",
                                         "/proc/uptime",
                                         "/proc/loadavg",
                                         "/proc/slabinfo",
                                         "/proc/sys/kernel/ns_last_pid",
                                         "/proc/sys/crypto/fips_enabled"};
  for (const char* allowed : kAllowed)
    if (strcmp(path, allowed) == 0) return true;
  return false;
}

int CheckTarget(int target, const char* path, int mount) {
  if (FilesystemType(target) != PROC_SUPER_MAGIC || MayCoverProc(path)) return 0;
  struct stat st;
  constexpr ino_t kProcRoot = 1;
  if (fstat(target, &st) == 0 && st.st_ino == kProcRoot &&
      FilesystemType(mount) == PROC_SUPER_MAGIC)
    return 0;
  return EPERM;
}

int Place(int mount, int target, const char* path) {
  if (target < 0) return -target;
  int error = CheckTarget(target, path, mount);
  if (error == 0) error = MoveMount(mount, target);
  close(target);
  return error;
}

int Configure(int fs, const char* type, Fields* data, bool* has_mode) {
  bool has_source = false;
  while (data->more()) {
    const char* key = data->Next();
    const char* value = data->Next();
    has_source = has_source || strcmp(key, "source") == 0;
    *has_mode = *has_mode || strcmp(key, "mode") == 0;
    const bool flag = *value == 0;
    if (fsconfig(fs, flag ? FSCONFIG_SET_FLAG : FSCONFIG_SET_STRING, key, flag ? nullptr : value,
                 0) != 0)
      return errno;
  }
  if (!has_source) fsconfig(fs, FSCONFIG_SET_STRING, "source", type, 0);
  return fsconfig(fs, FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) == 0 ? 0 : errno;
}

// A tmpfs takes the mode of the directory it covers, unless told one; with copy-up all the rest.
int InheritDirectory(int mount, int target, bool has_mode, bool copy_up) {
  struct stat st;
  if (fstat(target, &st) != 0) return errno;
  const int root = openat(mount, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (root < 0) return errno;
  int error = 0;
  if (copy_up) {
    const int from = openat(target, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    error = from < 0 ? errno : CopyUp(from, root);
    if (error == 0 && fchown(root, st.st_uid, st.st_gid) != 0) error = errno;
    close(from);
  }
  if (error == 0 && !has_mode && fchmod(root, st.st_mode & 07777) != 0) error = errno;
  close(root);
  return error;
}

// Whether the mount that a descriptor lies in belongs to our own mount namespace. In doubt it does.
bool IsMountedHere(int fd) {
  struct statx st;
  if (statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &st) != 0 || (st.stx_mask & STATX_MNT_ID) == 0)
    return true;
  FILE* table = fopen("/proc/self/mountinfo", "re");
  if (table == nullptr) return true;
  bool found = false;
  char* line = nullptr;
  size_t size = 0;
  while (!found && getline(&line, &size, table) > 0)
    found = strtoull(line, nullptr, 10) == st.stx_mnt_id;
  free(line);
  fclose(table);
  return found;
}

}  // namespace

int MoveMount(int mount, int target) {
  return move_mount(mount, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) == 0
             ? 0
             : errno;
}

// In the shim: only the mount namespace a source lies in can clone it. The clone keeps its peers,
// so that mounts made later on the host arrive where the user asked for that.
int CloneTree(Fields* fields) {
  fields->Next();  // the target, for messages
  const bool by_fd = strcmp(fields->Next(), "fd") == 0;
  const char* source = fields->Next();
  Fields number(source, source + strlen(source) + 1);
  const bool recursive = fields->Flag();
  const char* readonly = fields->Next();
  const auto set = static_cast<uint64_t>(fields->Number());
  const auto clear = static_cast<uint64_t>(fields->Number());
  const char* propagation = fields->Next();
  if (launch.tree_count == kMaxTrees) return E2BIG;
  const unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (recursive ? AT_RECURSIVE : 0u);
  const int passed = by_fd ? PassedFd(number.Number()) : -1;
  int tree =
      by_fd ? open_tree(passed, "", flags | AT_EMPTY_PATH) : open_tree(AT_FDCWD, source, flags);
  // A detached mount out of another mount namespace cannot be cloned from here; it is used itself.
  // Never one of the host's own that refuses to be cloned: what follows would change it in place.
  if (tree < 0 && errno == EINVAL && by_fd) {
    if (IsMountedHere(passed)) return EINVAL;
    tree = fcntl(passed, F_DUPFD_CLOEXEC, 3);
  }
  if (tree < 0) return errno;
  launch.trees[launch.tree_count++] = tree;
  const bool all_readonly = strcmp(readonly, "recursive") == 0;
  const uint64_t top = set | (strcmp(readonly, "top") == 0 ? MOUNT_ATTR_RDONLY : 0);
  if (const int error =
          SetAttributes(tree, *propagation == 'r' ? AT_RECURSIVE : 0,
                        all_readonly ? MOUNT_ATTR_RDONLY : 0, 0, Propagation(propagation));
      error != 0)
    return error;
  // A non-recursive propagation still wants the read-only flag on all of the tree.
  if (all_readonly && *propagation != 'r')
    if (const int error = SetAttributes(tree, AT_RECURSIVE, MOUNT_ATTR_RDONLY, 0, 0); error != 0)
      return error;
  return top == 0 && clear == 0 ? 0 : SetAttributes(tree, 0, top, clear, 0);
}

int AttachTree(Fields* fields) {
  const char* path = fields->Next();
  const auto slot = fields->Number();
  const bool directory = fields->Flag();
  if (slot < 0 || slot >= launch.tree_count) return EPROTO;
  const int tree = launch.trees[slot];
  return Place(tree, directory ? EnsureDirectory(path) : EnsureFile(path), path);
}

int MountFilesystem(Fields* fields) {
  const char* path = fields->Next();
  const char* type = fields->Next();
  const auto attributes = static_cast<unsigned>(fields->Number());
  const bool copy_up = fields->Flag();
  const bool tmpfs = strcmp(type, "tmpfs") == 0;
  const bool kernel_view = strcmp(type, "proc") == 0 || strcmp(type, "sysfs") == 0;
  const int fs = fsopen(type, FSOPEN_CLOEXEC);
  if (fs < 0) return errno;
  bool has_mode = false;
  int error = Configure(fs, type, fields, &has_mode);
  // Later mounts need targets made in a tmpfs: it turns read-only when all are made.
  const unsigned now = tmpfs ? attributes & ~static_cast<unsigned>(MOUNT_ATTR_RDONLY) : attributes;
  const int mount = error == 0 ? fsmount(fs, FSMOUNT_CLOEXEC, now) : -1;
  if (error == 0 && mount < 0) error = errno;
  close(fs);
  if (error != 0) return error;
  // /proc and /sys are written through: they must be where they seem to be.
  const bool existed = tmpfs && OpenIn(path, O_PATH) >= 0;
  const int target = EnsureDirectory(path, kernel_view ? RESOLVE_NO_SYMLINKS : 0);
  if (target >= 0 && existed) error = InheritDirectory(mount, target, has_mode, copy_up);
  if (error == 0) error = Place(mount, target, path);
  if (error == 0 && now != attributes) {
    if (launch.late_count == kMaxLate) return E2BIG;
    launch.late_readonly[launch.late_count++] = mount;
    return 0;
  }
  close(mount);
  return error;
}

int SetLateReadonly(Fields*) {
  for (int i = 0; i < launch.late_count; i++)
    if (const int error = SetAttributes(launch.late_readonly[i], 0, MOUNT_ATTR_RDONLY, 0, 0);
        error != 0)
      return error;
  return 0;
}
