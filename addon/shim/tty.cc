#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/vfs.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>

#include "shim/launch.h"
#include "shim/monitor.h"

namespace {

// The multiplexer of the container's own devpts, and nothing that was put in its place.
int OpenMultiplexer() {
  const int fd = OpenIn("/dev/pts/ptmx", O_RDWR | O_NOCTTY, RESOLVE_NO_SYMLINKS);
  if (fd < 0) return fd;
  struct statfs fs;
  if (fstatfs(fd, &fs) == 0 && fs.f_type == DEVPTS_SUPER_MAGIC) return fd;
  close(fd);
  return -ENODEV;
}

int BindConsole(int terminal) {
  const int target = EnsureFile("/dev/console", RESOLVE_NO_SYMLINKS);
  if (target < 0) return -target;
  int error = 0;
  const int tree = open_tree(terminal, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
  if (tree < 0) error = errno;
  if (error == 0) error = MoveMount(tree, target);
  close(tree);
  close(target);
  return error;
}

}  // namespace

int OpenTerminal(Fields* fields) {
  const bool console = fields->Flag();
  const int master = OpenMultiplexer();
  if (master < 0) return -master;
  int unlocked = 0;
  if (ioctl(master, TIOCSPTLCK, &unlocked) != 0) return errno;
  // By the master, not by name: /dev/pts/N may be anything by now (CVE-2025-52565).
  const int terminal = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (terminal < 0) return errno;
  if (monitor.stdio.rows != 0 || monitor.stdio.columns != 0) {
    const winsize size{monitor.stdio.rows, monitor.stdio.columns, 0, 0};
    ioctl(master, TIOCSWINSZ, &size);
  }
  if (const int error = SendMaster(master); error != 0) return error;
  close(master);
  if (console)
    if (const int error = BindConsole(terminal); error != 0) return error;
  for (int fd = 0; fd < 3; fd++)
    if (dup2(terminal, fd) < 0) return errno;
  close(terminal);
  return ioctl(0, TIOCSCTTY, 0) == 0 ? 0 : errno;
}
