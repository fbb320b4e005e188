#include "shim/init.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <initializer_list>

#include "shim/text.h"

namespace {

constexpr int kNotExecutable = 126;
constexpr int kNotFound = 127;

// Faults of init's own must end it, and are never sent by others in earnest.
sigset_t Forwarded() {
  sigset_t set;
  sigfillset(&set);
  for (const int signal : {SIGFPE, SIGILL, SIGSEGV, SIGBUS, SIGABRT, SIGTRAP, SIGSYS})
    sigdelset(&set, signal);
  return set;
}

void IgnoreTerminalStops(void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  for (const int signal : {SIGTTIN, SIGTTOU}) sigaction(signal, &action, nullptr);
}

// A group of its own, in the foreground of the terminal where there is one: Ctrl-C is for it alone.
void TakeTerminal() {
  setpgid(0, 0);
  if (isatty(STDIN_FILENO) == 1) tcsetpgrp(STDIN_FILENO, getpgrp());
}

[[noreturn]] void Execute(char** command) {
  TakeTerminal();
  IgnoreTerminalStops(SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  execvp(command[0], command);
  const int error = errno;
  Text<4096> line;
  line.Add("docker-init: exec ").AddPrintable(command[0]).Add(": ").Add(strerror(error)).Add("\n");
  if (write(STDERR_FILENO, line.data(), line.size()) < 0) _exit(kNotExecutable);
  _exit(error == ENOENT ? kNotFound : kNotExecutable);
}

// The program's wait status once it has ended, else -1.
int Reap(pid_t program) {
  int ended = -1;
  for (;;) {
    int status = 0;
    const pid_t pid = waitpid(-1, &status, WNOHANG);
    if (pid < 0 && errno == EINTR) continue;
    if (pid <= 0) return ended;
    if (pid == program) ended = status;
  }
}

int ExitCode(int status) {
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

}  // namespace

bool IsInit(const char* name) {
  if (name == nullptr) return false;
  const char* slash = strrchr(name, '/');
  return strcmp(slash == nullptr ? name : slash + 1, "docker-init") == 0;
}

int RunInit(char** arguments) {
  char** command = arguments + 1;
  if (*command != nullptr && strcmp(*command, "--") == 0) command++;
  if (*command == nullptr) return 1;
  const sigset_t forwarded = Forwarded();
  // They are blocked from the start (`hold-signals`): none that came early is lost.
  sigprocmask(SIG_SETMASK, &forwarded, nullptr);
  IgnoreTerminalStops(SIG_IGN);
  const pid_t program = fork();
  if (program < 0) return kNotExecutable;
  if (program == 0) Execute(command);
  for (;;) {
    siginfo_t info;
    const int signal = sigwaitinfo(&forwarded, &info);
    if (signal > 0 && signal != SIGCHLD) kill(program, signal);
    const int status = Reap(program);
    if (status >= 0) return ExitCode(status);
  }
}
