#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "shim/launch.h"

namespace {

int PropagationFlag(const char* name) {
  if (strcmp(name, "shared") == 0) return MS_SHARED;
  return strcmp(name, "slave") == 0 ? MS_SLAVE : MS_PRIVATE;
}

}  // namespace

int OpenRoot() {
  launch.root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
  return launch.root_fd < 0 ? errno : 0;
}

int OpenProc() {
  const int fs = fsopen("proc", FSOPEN_CLOEXEC);
  if (fs < 0) return errno;
  if (fsconfig(fs, FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) == 0)
    launch.proc_fd =
        fsmount(fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
  const int error = launch.proc_fd < 0 ? errno : 0;
  close(fs);
  return error;
}

// pivot_root(2), "pivot_root(".", ".")": the old root ends up on top of the new one and is let go.
int EnterRoot(Fields*) {
  const int root = launch.root_mount;
  if (mount("", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return errno;
  if (move_mount(root, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH) != 0) return errno;
  const int old = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (old < 0 || fchdir(root) != 0) return errno;
  if (syscall(SYS_pivot_root, ".", ".") != 0) return errno;
  if (fchdir(old) != 0 || umount2(".", MNT_DETACH) != 0) return errno;
  close(old);
  if (chdir("/") != 0) return errno;
  if (const int error = OpenRoot(); error != 0) return error;
  return OpenProc();
}

int MakeDevice(Fields* fields) {
  const char* path = fields->Next();
  const char type = *fields->Next();
  const auto major = static_cast<unsigned>(fields->Number());
  const auto minor = static_cast<unsigned>(fields->Number());
  const auto mode = static_cast<mode_t>(fields->Number());
  const auto uid = static_cast<uid_t>(fields->Number());
  const auto gid = static_cast<gid_t>(fields->Number());
  const char* base = nullptr;
  const int parent = EnsureParent(path, &base);
  if (parent < 0) return -parent;
  const mode_t kind = type == 'b' ? S_IFBLK : type == 'p' ? S_IFIFO : S_IFCHR;
  int error = 0;
  if (mknodat(parent, base, kind | mode, makedev(major, minor)) != 0)
    error = errno == EEXIST ? 0 : errno;  // a /dev of the user's own is left as it is
  else if ((uid != 0 || gid != 0) && fchownat(parent, base, uid, gid, AT_SYMLINK_NOFOLLOW) != 0)
    error = errno;
  close(parent);
  return error;
}

int MakeSymlink(Fields* fields) {
  const char* path = fields->Next();
  const char* target = fields->Next();
  const char* base = nullptr;
  const int parent = EnsureParent(path, &base);
  if (parent < 0) return -parent;
  const int error = symlinkat(target, parent, base) == 0 || errno == EEXIST ? 0 : errno;
  close(parent);
  return error;
}

// An empty file, where there is nothing yet.
int MakeFile(Fields* fields) {
  const char* path = fields->Next();
  const auto mode = static_cast<mode_t>(fields->Number());
  const char* base = nullptr;
  const int parent = EnsureParent(path, &base);
  if (parent < 0) return -parent;
  const int fd = openat(parent, base, O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY | O_CLOEXEC, mode);
  const int error = fd >= 0 || errno == EEXIST ? 0 : errno;
  if (fd >= 0) close(fd);
  close(parent);
  return error;
}

int MakeWorkdir(Fields* fields) {
  const int fd = EnsureDirectory(fields->Next());
  if (fd < 0) return -fd;
  struct stat st;
  const int error = fstat(fd, &st) != 0 ? errno : S_ISDIR(st.st_mode) ? 0 : ENOTDIR;
  close(fd);
  return error;
}

int WriteSysctl(Fields* fields) {
  const char* key = fields->Next();
  const char* value = fields->Next();
  char path[512] = "sys/";
  if (strlen(key) > sizeof path - 5) return ENAMETOOLONG;
  strcat(path, key);
  const int fd = OpenInProc(path, O_WRONLY);
  if (fd < 0) return -fd;
  const auto size = static_cast<ssize_t>(strlen(value));
  const int error = write(fd, value, strlen(value)) == size ? 0 : errno;
  close(fd);
  return error;
}

int FinishRoot(Fields* fields) {
  mount_attr attributes{};
  attributes.propagation = static_cast<uint64_t>(PropagationFlag(fields->Next()));
  attributes.attr_set = fields->Flag() ? MOUNT_ATTR_RDONLY : 0;
  return mount_setattr(launch.root_fd, "", AT_EMPTY_PATH, &attributes, sizeof attributes) == 0
             ? 0
             : errno;
}
