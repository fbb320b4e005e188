#include <fcntl.h>
#include <linux/magic.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "shim/launch.h"
#include "shim/monitor.h"
#include "shim/text.h"

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

namespace {

// A new network namespace's loopback is down.
int RaiseLoopback() {
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return errno;
  ifreq request{};
  strcpy(request.ifr_name, "lo");
  request.ifr_flags = IFF_UP;
  const int error = ioctl(fd, SIOCSIFFLAGS, &request) == 0 ? 0 : errno;
  close(fd);
  return error;
}

}  // namespace

// Opened here, where host paths still mean something. A cgroup v2 directory goes to clone3, which
// spares the write and its RCU grace period.
int JoinCgroup(Fields* fields) {
  const char* path = fields->Next();
  const int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return errno;
  struct statfs fs;
  const char* slash = strrchr(path, '/');
  if (launch.cgroup2_fd < 0 && slash != nullptr && fstatfs(fd, &fs) == 0 &&
      fs.f_type == CGROUP2_SUPER_MAGIC) {
    Text<4096> directory;
    for (const char* at = path; at < slash; at++) directory.AddByte(*at);
    close(fd);
    launch.cgroup2_fd = open(directory.data(), O_PATH | O_DIRECTORY | O_CLOEXEC);
    return launch.cgroup2_fd < 0 ? errno : 0;
  }
  if (launch.cgroup_count == static_cast<int>(sizeof launch.cgroup_procs / sizeof(int)))
    return E2BIG;
  launch.cgroup_procs[launch.cgroup_count++] = fd;
  return 0;
}

// Only clone3 can put a process into a new one at once; unshare would leave it to the children.
int NewTimeNamespace(Fields*) {
  launch.new_time = true;
  return 0;
}

int CreateProcess(Fields* fields) {
  static const uint64_t kFlags[] = {CLONE_NEWPID, CLONE_NEWNET, CLONE_NEWIPC, CLONE_NEWUTS};
  uint64_t flags = CLONE_NEWNS | (launch.new_time ? CLONE_NEWTIME : 0);
  for (const uint64_t flag : kFlags) {
    const char* how = fields->Next();
    if (strcmp(how, "host") == 0) continue;
    if (strcmp(how, "new") == 0) {
      flags |= flag;
      continue;
    }
    Fields number(how, how + strlen(how) + 1);
    const int fd = PassedFd(number.Number());
    if (flag == CLONE_NEWPID) {
      // Holds for children only: the shim stays where it is.
      if (setns(fd, CLONE_NEWPID) != 0) return errno;
    } else {
      launch.joined[launch.joined_count++] = fd;
    }
  }
  launch.root_mount = PassedFd(fields->Number());
  const int pid = CloneProcess(flags);
  if (pid < 0) return -pid;
  monitor.pid = pid;
  if (pid > 0) return 0;
  for (int i = 0; i < launch.joined_count; i++)
    if (setns(launch.joined[i], 0) != 0) return errno;
  return (flags & CLONE_NEWNET) != 0 ? RaiseLoopback() : 0;
}

int EnterProcess(Fields* fields) {
  launch.enter_pidfd = PassedFd(fields->Number());
  // Before the clone: inside the other pid namespace the pidfd's process may have no number.
  if (setns(launch.enter_pidfd, CLONE_NEWPID) != 0) return errno;
  const int pid = CloneProcess(0);
  if (pid < 0) return -pid;
  monitor.pid = pid;
  return 0;
}

int JoinNamespaces(Fields*) {
  int all = CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP;
  // A kernel without refuses the flag.
  if (access("/proc/self/ns/time", F_OK) == 0) all |= CLONE_NEWTIME;
  if (setns(launch.enter_pidfd, all) != 0) return errno;
  if (const int error = OpenRoot(); error != 0) return error;
  return OpenProc();
}

int NewCgroupNamespace(Fields*) { return unshare(CLONE_NEWCGROUP) == 0 ? 0 : errno; }

int SetHostname(Fields* fields) {
  const char* name = fields->Next();
  return sethostname(name, strlen(name)) == 0 ? 0 : errno;
}

int SetDomainname(Fields* fields) {
  const char* name = fields->Next();
  return setdomainname(name, strlen(name)) == 0 ? 0 : errno;
}
