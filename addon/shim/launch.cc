#include "shim/launch.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <initializer_list>

#include "shim/monitor.h"
#include "shim/text.h"

Launch launch;

namespace {

constexpr int kPipeSize = 256 * 1024;
constexpr size_t kStageMax = 4600;

int shim_channel = -1;

enum class Say : char { kFailed = 'F', kExec = 'X', kMaster = 'T' };

struct Message {
  Say kind;
  int error;
  char stage[kStageMax];
};

struct Pipes {
  int in[2] = {-1, -1};
  int out[2] = {-1, -1};
  int err[2] = {-1, -1};
};

int OpenPipes(Pipes* pipes) {
  if (monitor.stdio.tty) return 0;
  if (monitor.stdio.open_stdin && pipe2(pipes->in, O_CLOEXEC) != 0) return errno;
  if (pipe2(pipes->out, O_CLOEXEC) != 0 || pipe2(pipes->err, O_CLOEXEC) != 0) return errno;
  // Refused where the user's pipes have used up their share; then they are 64 KiB.
  fcntl(pipes->out[0], F_SETPIPE_SZ, kPipeSize);
  return 0;
}

void KeepShimEnds(const Pipes& pipes) {
  monitor.stdin_fd = pipes.in[1];
  monitor.outputs[0].fd = pipes.out[0];
  monitor.outputs[1].fd = pipes.err[0];
  for (const int fd : {pipes.in[1], pipes.out[0], pipes.err[0]})
    if (fd >= 0) fcntl(fd, F_SETFL, O_NONBLOCK);
  for (const int fd : {pipes.in[0], pipes.out[1], pipes.err[1]})
    if (fd >= 0) close(fd);
}

void ResetSignals() {
  for (int signal = 1; signal < NSIG; signal++) {
    struct sigaction action {};
    action.sa_handler = SIG_DFL;
    sigaction(signal, &action, nullptr);
  }
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
}

// Logs, connections and directories of the host stay the shim's: whoever shares the pid namespace
// that the process is about to join could look for them in /proc.
int CloseAllBut(const int* kept, int count) {
  for (int low = 3;;) {
    int next = -1;
    for (int i = 0; i < count; i++)
      if (kept[i] >= low && (next < 0 || kept[i] < next)) next = kept[i];
    const unsigned last = next < 0 ? ~0u : static_cast<unsigned>(next) - 1;
    if (next != low && close_range(static_cast<unsigned>(low), last, 0) != 0) return errno;
    if (next < 0) return 0;
    low = next + 1;
  }
}

int CloseInherited() {
  static int kept[kMaxTrees + 8];
  int count = 0;
  kept[count++] = launch.channel;
  kept[count++] = launch.root_mount;
  kept[count++] = launch.enter_pidfd;
  for (int i = 0; i < launch.joined_count; i++) kept[count++] = launch.joined[i];
  for (int i = 0; i < launch.tree_count; i++) kept[count++] = launch.trees[i];
  return CloseAllBut(kept, count);
}

int StartProcess(const Pipes& pipes, int channel) {
  launch.channel = channel;
  ResetSignals();
  setsid();
  umask(0);
  if (pipes.in[0] >= 0 && dup2(pipes.in[0], 0) < 0) return errno;
  if (pipes.out[1] >= 0 && dup2(pipes.out[1], 1) < 0) return errno;
  if (pipes.err[1] >= 0 && dup2(pipes.err[1], 2) < 0) return errno;
  for (int i = 0; i < launch.cgroup_count; i++)
    if (write(launch.cgroup_procs[i], "0", 1) != 1) FailLaunch("cgroup", errno);
  return CloseInherited();
}

ssize_t Say1(Say kind, int error, const char* stage) {
  static Message message;
  message.kind = kind;
  message.error = error;
  strncpy(message.stage, stage, kStageMax - 1);
  const size_t size = offsetof(Message, stage) + strlen(message.stage) + 1;
  return send(launch.channel, &message, size, MSG_NOSIGNAL);
}

int ReceivedFd(msghdr* header) {
  int fd = -1;
  for (cmsghdr* c = CMSG_FIRSTHDR(header); c != nullptr; c = CMSG_NXTHDR(header, c))
    if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
      memcpy(&fd, CMSG_DATA(c), sizeof fd);
  return fd;
}

void TakeMaster(int fd) {
  if (fd < 0) return;
  fcntl(fd, F_SETFL, O_NONBLOCK);
  monitor.outputs[0].fd = fd;
  if (monitor.stdio.open_stdin) monitor.stdin_fd = fd;
}

void ClosePassed() {
  for (int i = 0; i < launch.passed_count; i++) close(kFirstPassedFd + i);
  for (int i = 0; i < launch.tree_count; i++) close(launch.trees[i]);
  for (int i = 0; i < launch.cgroup_count; i++) close(launch.cgroup_procs[i]);
  if (launch.cgroup2_fd >= 0) close(launch.cgroup2_fd);
}

}  // namespace

int PassedFd(long long index) {
  if (index < 0 || index >= launch.passed_count) return -1;
  return kFirstPassedFd + static_cast<int>(index);
}

int CloneProcess(uint64_t flags) {
  Pipes pipes;
  int channel[2];
  if (const int error = OpenPipes(&pipes); error != 0) return -error;
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, channel) != 0) return -errno;
  clone_args arguments{};
  arguments.flags = flags | CLONE_PIDFD;
  arguments.pidfd = reinterpret_cast<uint64_t>(&monitor.pidfd);
  arguments.exit_signal = SIGCHLD;
  if (launch.cgroup2_fd >= 0) {
    arguments.flags |= CLONE_INTO_CGROUP;
    arguments.cgroup = static_cast<uint64_t>(launch.cgroup2_fd);
  }
  const long pid = syscall(SYS_clone3, &arguments, sizeof arguments);
  if (pid < 0) return -errno;
  if (pid == 0) {
    const int error = StartProcess(pipes, channel[1]);
    if (error != 0) FailLaunch("stdio", error);
    return 0;
  }
  close(channel[1]);
  shim_channel = channel[0];
  KeepShimEnds(pipes);
  ClosePassed();
  return static_cast<int>(pid);
}

int AwaitExec(const char** stage) {
  static Message message;
  bool announced = false;
  int error = 0;
  for (;;) {
    iovec part{&message, sizeof message};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))];
    msghdr header{};
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    header.msg_control = control;
    header.msg_controllen = sizeof control;
    const ssize_t got = recvmsg(shim_channel, &header, MSG_CMSG_CLOEXEC);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    if (message.kind == Say::kMaster) TakeMaster(ReceivedFd(&header));
    if (message.kind == Say::kExec) announced = true;
    if (message.kind == Say::kFailed) {
      *stage = message.stage;
      error = message.error;
    }
  }
  close(shim_channel);
  if (error == 0 && announced) return 0;
  if (error == 0) {  // killed on the way, as by the limit of its memory
    *stage = "start";
    error = ECHILD;
  }
  siginfo_t info;
  waitid(P_PIDFD, static_cast<id_t>(monitor.pidfd), &info, WEXITED);
  return error;
}

void FailLaunch(const char* stage, int error) {
  Say1(Say::kFailed, error, stage);
  // Seen only where a filter forbids to speak: a shell's codes for the same.
  _exit(error == ENOENT ? 127 : 126);
}

void AnnounceExec() {
  if (!launch.announced) Say1(Say::kExec, 0, "");
  launch.announced = true;
}

int SendMaster(int master) {
  char kind = static_cast<char>(Say::kMaster);
  iovec part{&kind, 1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {0};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control;
  header.msg_controllen = sizeof control;
  cmsghdr* c = CMSG_FIRSTHDR(&header);
  c->cmsg_level = SOL_SOCKET;
  c->cmsg_type = SCM_RIGHTS;
  c->cmsg_len = CMSG_LEN(sizeof(int));
  memcpy(CMSG_DATA(c), &master, sizeof master);
  return sendmsg(launch.channel, &header, MSG_NOSIGNAL) < 0 ? errno : 0;
}
