// Loads a seccomp filter from a file, then tries system calls and says how each ended.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static void say(const char* name, long result) {
  printf("%s %s\n", name, result < 0 ? strerrorname_np(errno) : "ok");
}

int main(int argc, char** argv) {
  static char buffer[1 << 20];
  int fd = argc > 1 ? open(argv[1], O_RDONLY) : -1;
  ssize_t size = read(fd, buffer, sizeof(buffer));
  if (size <= 0) return 2;
  struct sock_fprog program = {size / sizeof(struct sock_filter), (struct sock_filter*)buffer};
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0) return 3;

  say("socket-inet", socket(AF_INET, SOCK_STREAM, 0));
  say("socket-unix", socket(AF_UNIX, SOCK_STREAM, 0));
  say("socket-alg", socket(38, SOCK_SEQPACKET, 0));
  say("socket-39", socket(39, SOCK_STREAM, 0));
  say("socket-vsock", socket(40, SOCK_STREAM, 0));
  say("keyctl", syscall(SYS_keyctl, 0, 0, 0, 0, 0));
  say("clone3", syscall(435, 0, 0));
  say("setns", syscall(SYS_setns, -1, 0));
  say("mount", syscall(SYS_mount, 0, 0, 0, 0, 0));
  say("fsopen", syscall(430, "tmpfs", 0));
  say("bpf", syscall(SYS_bpf, 0, 0, 0));
  say("perf", syscall(SYS_perf_event_open, 0, 0, 0, 0, 0));
  say("io-uring", syscall(425, 1, 0));
  say("userfaultfd", syscall(SYS_userfaultfd, 0));
  say("kexec", syscall(SYS_kexec_load, 0, 0, 0, 0));
  say("personality-query", syscall(SYS_personality, 0xffffffff));
  say("personality-no-random", syscall(SYS_personality, 0x40000));
  say("newer-than-the-profile", syscall(9999, 0));
  say("mkdir", syscall(SYS_mkdirat, AT_FDCWD, "/", 0700));
  say("getpid", getpid());
  long child = syscall(SYS_clone, CLONE_NEWUSER, 0, 0, 0, 0);
  if (child == 0) _exit(0);
  say("clone-user", child);
  // Last: from here on the process is privileged in a namespace of its own only.
  say("unshare-user", unshare(CLONE_NEWUSER));
  return 0;
}
