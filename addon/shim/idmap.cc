#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "shim/launch.h"

// Idmapped binds. The kernel takes the mapping from a user namespace, which only a process can be
// made in: one that does nothing and ends when its namespace is open here.

namespace {

int WriteMap(pid_t pid, const char* file, const char* map) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/%s", pid, file);
  const int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return errno;
  const auto size = static_cast<ssize_t>(strlen(map));
  // All of a map in one call, user_namespaces(7).
  const int error = write(fd, map, static_cast<size_t>(size)) == size ? 0 : errno;
  close(fd);
  return error;
}

int OpenNamespace(pid_t pid, int* fd) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/ns/user", pid);
  *fd = open(path, O_RDONLY | O_CLOEXEC);
  return *fd < 0 ? errno : 0;
}

int MakeUserNamespace(const char* uids, const char* gids, int* fd) {
  clone_args arguments{};
  arguments.flags = CLONE_NEWUSER;
  arguments.exit_signal = SIGCHLD;
  const long pid = syscall(SYS_clone3, &arguments, sizeof arguments);
  if (pid < 0) return errno;
  if (pid == 0)
    for (;;) pause();
  const auto child = static_cast<pid_t>(pid);
  int error = WriteMap(child, "uid_map", uids);
  if (error == 0) error = WriteMap(child, "gid_map", gids);
  if (error == 0) error = OpenNamespace(child, fd);
  kill(child, SIGKILL);
  while (waitpid(child, nullptr, 0) < 0 && errno == EINTR) continue;
  return error;
}

}  // namespace

// Of the tree that was cloned last.
int MapIds(Fields* fields) {
  fields->Next();  // the target, for messages
  const char* uids = fields->Next();
  const char* gids = fields->Next();
  const bool recursive = fields->Flag();
  if (launch.tree_count == 0) return EPROTO;
  int space = -1;
  if (const int error = MakeUserNamespace(uids, gids, &space); error != 0) return error;
  mount_attr attributes{};
  attributes.attr_set = MOUNT_ATTR_IDMAP;
  attributes.userns_fd = static_cast<uint64_t>(space);
  const int tree = launch.trees[launch.tree_count - 1];
  const unsigned flags = AT_EMPTY_PATH | (recursive ? static_cast<unsigned>(AT_RECURSIVE) : 0u);
  const int error = mount_setattr(tree, "", flags, &attributes, sizeof attributes) == 0 ? 0 : errno;
  close(space);
  return error;
}
