#include "shim/exit.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <ctime>

#include "shim/monitor.h"
#include "shim/text.h"

Exit ReapProcess() {
  Exit exit;
  siginfo_t info{};
  int result = 0;
  do result = waitid(P_PIDFD, static_cast<id_t>(monitor.pidfd), &info, WEXITED);
  while (result != 0 && errno == EINTR);
  timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  exit.finished_ns = static_cast<long long>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
  if (info.si_code == CLD_EXITED) {
    exit.code = info.si_status;
  } else {
    exit.signal = info.si_status;
    exit.code = 128 + info.si_status;
  }
  return exit;
}

void WriteExitRecord(const Exit& exit) {
  Text<4096> temporary;
  temporary.Add(monitor.exit_path).Add(".tmp");
  Text<128> record;
  record.Add("1 ").Add(exit.code).Add(" ").Add(exit.signal).Add(" ").Add(exit.finished_ns);
  record.Add("\n");
  const int fd = open(temporary.data(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return;
  // Not synced: it lies in the runtime directory, which does not outlive the machine's boot.
  const bool written =
      write(fd, record.data(), record.size()) == static_cast<ssize_t>(record.size());
  close(fd);
  if (written) rename(temporary.data(), monitor.exit_path);
}

void NotifyExited(const Exit& exit) {
  Text<128> line;
  line.Add("exited ").Add(exit.code).Add(" ").Add(exit.signal).Add(" ").Add(exit.finished_ns);
  line.Add("\n");
  Notify(line.data(), line.size());
}
