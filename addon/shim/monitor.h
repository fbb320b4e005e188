#pragma once
#include <sys/types.h>

#include <cstddef>
#include <cstdint>

#include "shim/client.h"
#include "shim/log.h"
#include "shim/plan.h"

constexpr int kMaxNotify = 8;

struct Stdio {
  bool tty = false;
  bool open_stdin = false;
  bool stdin_once = false;
  unsigned short rows = 0;
  unsigned short columns = 0;
};

// One output of the container. `client_stream` is its number in stdcopy frames.
struct Output {
  int fd = -1;
  uint8_t client_stream = 1;
  LogStream log;
  bool wide = false;  // its pipe has been made larger
};

// Everything one shim knows. Lives from the first record of the plan to the end.
struct Monitor {
  const char* name = "";
  const char* exit_path = "";
  const char* socket_path = "";
  int listen_fd = -1;
  int notify[kMaxNotify] = {-1, -1, -1, -1, -1, -1, -1, -1};

  Stdio stdio;
  Log log;
  Output outputs[2];  // stdout and stderr; on a tty only the first
  // Write end of stdin, or the pty's master (then also outputs[0].fd), or -1.
  int stdin_fd = -1;
  // Input that the container has not taken yet. Clients are not read while there is any.
  Queue pending_stdin;
  bool close_stdin_when_empty = false;

  Clients clients;

  pid_t pid = -1;
  int pidfd = -1;
};

extern Monitor monitor;

// notify.cc: one line to every notify pipe; pipes nobody reads are closed.
void Notify(const char* line, size_t size);
void NotifyStarted(pid_t pid);
void NotifyFailed(const char* stage, int error);
void NotifyDetached();

// steps.cc: executes the plan's records up to and including `create` or `enter`; in the process
// that these make, the rest. Returns in the shim only, with 0 or errno and the stage that failed.
int RunPlan(Plan* plan, const char** stage);

// loop.cc: serves until the process has ended and its clients have all they are due.
void ServeUntilExit();
