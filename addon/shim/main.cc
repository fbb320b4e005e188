#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <initializer_list>

#include "shim/control.h"
#include "shim/init.h"
#include "shim/launch.h"
#include "shim/monitor.h"

Monitor monitor;

namespace {

// The shim outlives what sends these: the daemon, its terminal, its service.
void IgnoreSignals() {
  struct sigaction ignore {};
  ignore.sa_handler = SIG_IGN;
  for (const int signal : {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGPIPE, SIGUSR1, SIGUSR2, SIGTSTP})
    sigaction(signal, &ignore, nullptr);
}

// Buffers of a busy time go back to the kernel when they are freed.
void KeepHeapSmall() {
  mallopt(M_MMAP_THRESHOLD, 32 * 1024);
  mallopt(M_TRIM_THRESHOLD, 64 * 1024);
}

void Prepare() {
  KeepHeapSmall();
  IgnoreSignals();
  // Until the container's program is executed, its process runs this file: nobody in the container
  // may reach it through /proc (CVE-2019-5736).
  prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  setsid();
  umask(0);
  if (chdir("/") != 0) return;
  for (int fd = kPlanFd; fcntl(fd, F_SETFD, FD_CLOEXEC) == 0; fd++)
    launch.passed_count = fd + 1 - kFirstPassedFd;
  fcntl(kNotifyFd, F_SETFL, O_NONBLOCK);
  monitor.notify[0] = kNotifyFd;
}

// After the process is made, which must not inherit it: the killer should take the container.
void ShieldFromOomKiller() {
  const int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  if (fd < 0) return;
  if (write(fd, "-999", 4) < 0) errno = 0;
  close(fd);
}

}  // namespace

int main(int, char** arguments) {
  if (IsInit(arguments[0])) return RunInit(arguments);
  Prepare();
  Plan plan;
  const char* stage = "plan";
  int error = plan.Open(kPlanFd);
  if (error == 0) error = RunPlan(&plan, &stage);
  if (error == 0) error = AwaitExec(&stage);
  if (error != 0) {
    CloseControl(monitor.socket_path);
    NotifyFailed(stage, error);
    return 1;
  }
  plan.Close();
  prctl(PR_SET_NAME, monitor.name, 0, 0, 0);
  NotifyStarted(monitor.pid);
  ShieldFromOomKiller();
  ServeUntilExit();
  return 0;
}
