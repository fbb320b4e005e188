#include "kernel/spawn.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

constexpr size_t kStackSize = 64 << 10;

// Shared with the child, which runs in our memory until it executes: it may only read this, write
// `error` and `stage`, and make raw system calls (no malloc, no errno, no libc locks).
struct ChildPlan {
  const char* path;
  char* const* argv;
  const int* fds;
  int count;
  // Scratch, `count` long.
  int* high;
  volatile int error;
  const char* volatile stage;
};

#if defined(__x86_64__)
long Syscall(long n, long a = 0, long b = 0, long c = 0, long d = 0) {
  long result;
  register long r10 asm("r10") = d;
  asm volatile("syscall"
               : "=a"(result)
               : "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10)
               : "rcx", "r11", "memory");
  return result;
}

long Clone3(clone_args* args, void (*entry)(ChildPlan*), ChildPlan* plan) {
  long result;
  asm volatile(
      "syscall\n\t"
      "test %%rax, %%rax\n\t"
      "jnz 1f\n\t"
      "xor %%ebp, %%ebp\n\t"
      "mov %[plan], %%rdi\n\t"
      "call *%[entry]\n\t"
      "hlt\n"
      "1:"
      : "=a"(result)
      : "a"(SYS_clone3), "D"(args), "S"(sizeof(*args)), [entry] "r"(entry), [plan] "r"(plan)
      : "rcx", "r11", "memory", "cc");
  return result;
}
#elif defined(__aarch64__)
long Syscall(long n, long a = 0, long b = 0, long c = 0, long d = 0) {
  register long x8 asm("x8") = n;
  register long x0 asm("x0") = a;
  register long x1 asm("x1") = b;
  register long x2 asm("x2") = c;
  register long x3 asm("x3") = d;
  asm volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3) : "memory");
  return x0;
}

long Clone3(clone_args* args, void (*entry)(ChildPlan*), ChildPlan* plan) {
  register long x8 asm("x8") = SYS_clone3;
  register long x0 asm("x0") = reinterpret_cast<long>(args);
  register long x1 asm("x1") = sizeof(*args);
  asm volatile(
      "svc #0\n\t"
      "cbnz x0, 1f\n\t"
      "mov x29, xzr\n\t"
      "mov x0, %[plan]\n\t"
      "blr %[entry]\n\t"
      "brk #0\n"
      "1:"
      : "+r"(x0)
      : "r"(x8), "r"(x1), [entry] "r"(entry), [plan] "r"(plan)
      : "memory", "cc");
  return x0;
}
#else
#error "spawn.cc has no system call gate for this architecture"
#endif

[[noreturn]] void Die(ChildPlan* plan, const char* stage, long error) {
  plan->stage = stage;
  plan->error = static_cast<int>(-error);
  for (;;) Syscall(SYS_exit_group, 127);
}

// Handlers point into a program that is about to be gone, and Node ignores SIGPIPE: start clean.
void ResetSignals() {
  struct {
    void* handler;
    unsigned long flags;
    void* restorer;
    unsigned long mask;
  } action = {};
  for (int signal = 1; signal <= 64; signal++) {
    Syscall(SYS_rt_sigaction, signal, reinterpret_cast<long>(&action), 0, sizeof(action.mask));
  }
  unsigned long none = 0;
  Syscall(SYS_rt_sigprocmask, SIG_SETMASK, reinterpret_cast<long>(&none), 0, sizeof(none));
}

// A source may have the number of a target: first lift all sources above every target.
void PlaceDescriptors(ChildPlan* plan) {
  for (int i = 0; i < plan->count; i++) {
    long fd = Syscall(SYS_fcntl, plan->fds[i], F_DUPFD_CLOEXEC, plan->count);
    if (fd < 0) Die(plan, "fcntl", fd);
    plan->high[i] = static_cast<int>(fd);
  }
  for (int i = 0; i < plan->count; i++) {
    long fd = Syscall(SYS_dup3, plan->high[i], i, 0);
    if (fd < 0) Die(plan, "dup3", fd);
  }
  long error = Syscall(SYS_close_range, plan->count, ~0U, 0);
  if (error < 0) Die(plan, "close_range", error);
}

void ChildMain(ChildPlan* plan) {
  ResetSignals();
  // The terminal and the process group of the daemon are not the container's.
  Syscall(SYS_setsid);
  PlaceDescriptors(plan);
  char* const environment[] = {nullptr};
  long error = Syscall(SYS_execve, reinterpret_cast<long>(plan->path),
                       reinterpret_cast<long>(plan->argv), reinterpret_cast<long>(environment));
  Die(plan, "execve", error);
}

// The child's stack; the page below it is never mapped in, so an overflow faults.
class Stack {
 public:
  Stack() {
    memory_ = mmap(nullptr, kStackSize, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    if (*this) mprotect(memory_, 4096, PROT_NONE);
  }
  ~Stack() {
    if (*this) munmap(memory_, kStackSize);
  }
  Stack(const Stack&) = delete;
  Stack& operator=(const Stack&) = delete;
  explicit operator bool() const { return memory_ != MAP_FAILED; }
  uint64_t address() const { return reinterpret_cast<uint64_t>(memory_); }

 private:
  void* memory_;
};

}  // namespace

Failure Spawn(const SpawnOptions& options, SpawnResult* result) {
  Stack stack;
  if (!stack) return Fail("mmap");
  std::vector<char*> argv;
  for (const std::string& arg : options.argv) argv.push_back(const_cast<char*>(arg.c_str()));
  argv.push_back(nullptr);
  std::vector<int> high(options.fds.size());
  ChildPlan plan{options.path.c_str(),
                 argv.data(),
                 options.fds.data(),
                 static_cast<int>(options.fds.size()),
                 high.data(),
                 0,
                 ""};

  int pidfd = -1;
  clone_args args = {};
  args.flags = CLONE_VM | CLONE_VFORK | CLONE_PIDFD;
  args.pidfd = reinterpret_cast<uint64_t>(&pidfd);
  args.exit_signal = SIGCHLD;
  args.stack = stack.address();
  args.stack_size = kStackSize;
  if (options.cgroup_fd >= 0) {
    args.flags |= CLONE_INTO_CGROUP;
    args.cgroup = options.cgroup_fd;
  }

  // A handler of ours run by the child would run in our memory: none may, until it has reset them.
  unsigned long all = ~0UL, old = 0;
  Syscall(SYS_rt_sigprocmask, SIG_SETMASK, reinterpret_cast<long>(&all),
          reinterpret_cast<long>(&old), sizeof(all));
  long pid = Clone3(&args, ChildMain, &plan);
  Syscall(SYS_rt_sigprocmask, SIG_SETMASK, reinterpret_cast<long>(&old), 0, sizeof(old));

  if (pid < 0) return Failure{static_cast<int>(-pid), "clone3", {}};
  result->pid = static_cast<int>(pid);
  result->pidfd.reset(pidfd);
  if (plan.error == 0) return {};
  siginfo_t info;
  Retry([&] { return waitid(P_PIDFD, pidfd, &info, WEXITED | __WALL); });
  return Failure{plan.error, plan.stage, options.path};
}
