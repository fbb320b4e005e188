#include <unistd.h>

#include <cerrno>

#include "shim/monitor.h"
#include "shim/text.h"

void Notify(const char* line, size_t size) {
  for (int& fd : monitor.notify) {
    if (fd < 0) continue;
    ssize_t written = 0;
    do written = write(fd, line, size);
    while (written < 0 && errno == EINTR);
    if (written >= 0 || errno == EAGAIN) continue;
    close(fd);
    fd = -1;
  }
}

void NotifyStarted(pid_t pid) {
  Text<64> line;
  line.Add("started ").Add(pid).Add("\n");
  Notify(line.data(), line.size());
}

void NotifyFailed(const char* stage, int error) {
  Text<5000> line;
  line.Add("failed ").AddPrintable(stage).Add(" ").Add(error).Add("\n");
  Notify(line.data(), line.size());
}

void NotifyDetached() { Notify("detached\n", 9); }
