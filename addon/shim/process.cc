#include <fcntl.h>
#include <grp.h>
#include <linux/close_range.h>
#include <linux/keyctl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>

#include "shim/launch.h"
#include "shim/monitor.h"
#include "shim/text.h"

namespace {

constexpr size_t kGroupsMax = 65536;

// Standard input /dev/null is the host's so far, and root inside could change its mode.
int ReopenNull() {
  struct stat st;
  if (monitor.stdio.tty || monitor.stdio.open_stdin) return 0;
  int fd = OpenIn("/dev/null", O_RDONLY);
  if (fd >= 0 && (fstat(fd, &st) != 0 || st.st_rdev != makedev(1, 3) || !S_ISCHR(st.st_mode))) {
    close(fd);
    fd = -1;
  }
  if (fd < 0) {  // a root without one: a pipe that nobody writes is as empty
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return errno;
    close(ends[1]);
    fd = ends[0];
  }
  const int error = dup2(fd, 0) == 0 ? 0 : errno;
  close(fd);
  return error;
}

// So that the user may open /dev/stdout and its like.
void OwnStdio(uid_t uid) {
  for (int fd = 0; fd < 3; fd++) {
    struct stat st;
    if (fstat(fd, &st) == 0 && (S_ISFIFO(st.st_mode) || isatty(fd) == 1))
      if (fchown(fd, uid, static_cast<gid_t>(-1)) != 0) continue;
  }
}

// The kernel reports a directory outside of the root with "(unreachable)" (CVE-2024-21626).
int CheckCwd() {
  char path[PATH_MAX];
  const long size = syscall(SYS_getcwd, path, sizeof path);
  if (size < 0) return errno;
  return path[0] == '/' ? 0 : ENOENT;
}

int ChangeCwd() {
  const int fd = OpenIn(launch.cwd, O_PATH | O_DIRECTORY);
  if (fd < 0) return -fd;
  const int error = fchdir(fd) == 0 ? 0 : errno;
  close(fd);
  return error != 0 ? error : CheckCwd();
}

const char* FindEnv(const char* name) {
  const size_t size = strlen(name);
  for (size_t i = 0; i < launch.env_count; i++)
    if (strncmp(launch.env[i], name, size) == 0 && launch.env[i][size] == '=')
      return launch.env[i] + size + 1;
  return nullptr;
}

// An executable file that is no door to a descriptor of ours, such as /proc/self/exe.
int CheckExecutable(const char* path) {
  const int fd = OpenFromCwd(path, O_PATH);
  if (fd < 0) return fd == -ELOOP ? EACCES : -fd;
  close(fd);
  struct stat st;
  if (stat(path, &st) != 0) return errno;
  if (S_ISDIR(st.st_mode)) return EISDIR;
  return faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) == 0 ? 0 : errno;
}

// As Go's exec.LookPath: the first executable in PATH; without a slash all else is "not found".
int FindExecutable(const char* name, char found[PATH_MAX]) {
  if (strlen(name) >= PATH_MAX) return ENAMETOOLONG;
  if (*name == 0) return ENOENT;
  if (strchr(name, '/') != nullptr) {
    strcpy(found, name);
    return CheckExecutable(found);
  }
  const char* path = FindEnv("PATH");
  while (path != nullptr && *path != 0) {
    const char* end = strchrnul(path, ':');
    Text<PATH_MAX> candidate;
    for (; path < end; path++) candidate.AddByte(*path);
    if (candidate.data()[0] == '/' && CheckExecutable(candidate.Add("/").Add(name).data()) == 0) {
      strcpy(found, candidate.data());
      return 0;
    }
    path = *end == ':' ? end + 1 : end;
  }
  return ENOENT;
}

}  // namespace

int SetOomScoreAdj(Fields* fields) {
  const char* score = fields->Next();
  Text<64> path;
  path.Add(getpid()).Add("/oom_score_adj");
  const int fd = OpenInProc(path.data(), O_WRONLY);
  if (fd < 0) return -fd;
  const bool written = write(fd, score, strlen(score)) > 0;
  const int error = errno;
  close(fd);
  // Lowering it needs CAP_SYS_RESOURCE; the kernel's answer is what the process gets.
  return written || error == EACCES ? 0 : error;
}

int SetRlimit(Fields* fields) {
  fields->Next();  // the name, for messages
  const auto resource = static_cast<__rlimit_resource>(fields->Number());
  rlimit64 limit{};
  limit.rlim_cur = strtoull(fields->Next(), nullptr, 10);
  limit.rlim_max = strtoull(fields->Next(), nullptr, 10);
  return prlimit64(0, resource, &limit, nullptr) == 0 ? 0 : errno;
}

// Best effort: a user's number of keys is limited, and no container may fail for that.
int JoinKeyring(Fields* fields) {
  syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, fields->Next());
  return 0;
}

// apparmor(7): takes effect at the exec. The kernel wants the whole command in one write.
int SetAppArmorProfile(Fields* fields) {
  const char* profile = fields->Next();
  if (strlen(profile) > 255) return ENAMETOOLONG;
  Text<64> path;
  path.Add(getpid()).Add("/attr/apparmor/exec");
  const int fd = OpenInProc(path.data(), O_WRONLY);
  if (fd < 0) return -fd;
  Text<300> command;
  command.Add("exec ").Add(profile);
  const auto size = strlen(command.data());
  const int error = write(fd, command.data(), size) == static_cast<ssize_t>(size) ? 0 : errno;
  close(fd);
  return error;
}

int SetUmask(Fields* fields) {
  umask(static_cast<mode_t>(fields->Number()));
  return 0;
}

int SetCwd(Fields* fields) {
  if (const int error = ReopenNull(); error != 0) return error;
  launch.cwd = fields->Next();
  const int error = ChangeCwd();
  // Root may be refused what the user is allowed, as on NFS: tried again as the user.
  launch.retry_cwd = error == EACCES;
  return launch.retry_cwd ? 0 : error;
}

int SetUser(Fields* fields) {
  const auto uid = static_cast<uid_t>(fields->Number());
  const auto gid = static_cast<gid_t>(fields->Number());
  gid_t* groups = nullptr;
  size_t count = 0;
  for (Fields rest = *fields; rest.more(); rest.Next()) count++;
  if (count > kGroupsMax) return E2BIG;
  if (count > 0) {
    groups = static_cast<gid_t*>(malloc(count * sizeof(gid_t)));
    if (groups == nullptr) return ENOMEM;
    for (size_t i = 0; i < count; i++) groups[i] = static_cast<gid_t>(fields->Number());
  }
  OwnStdio(uid);
  if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0) return errno;
  if (setgroups(count, groups) != 0 || setresgid(gid, gid, gid) != 0) return errno;
  if (setresuid(uid, uid, uid) != 0) return errno;
  return prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) == 0 ? 0 : errno;
}

int AddEnv(Fields* fields) {
  void* grown = realloc(launch.env, (launch.env_count + 2) * sizeof(char*));
  if (grown == nullptr) return ENOMEM;
  launch.env = static_cast<char**>(grown);
  launch.env[launch.env_count++] = const_cast<char*>(fields->Next());
  launch.env[launch.env_count] = nullptr;
  return 0;
}

// For docker-init, which unblocks them for the program: pid 1 would lose what comes before it
// listens.
int HoldSignals(Fields*) {
  sigset_t all;
  sigfillset(&all);
  return sigprocmask(SIG_SETMASK, &all, nullptr) == 0 ? 0 : errno;
}

// All that a filter may forbid is done before it is loaded.
int FindProgram(Fields* fields) {
  if (launch.retry_cwd)
    if (const int error = ChangeCwd(); error != 0) FailLaunch("cwd", error);
  if (const int error = FindExecutable(fields->Next(), launch.program); error != 0) return error;
  return close_range(3, ~0u, CLOSE_RANGE_CLOEXEC) == 0 ? 0 : errno;
}

int Execute(Fields* fields) {
  size_t count = 0;
  for (Fields rest = *fields; rest.more(); rest.Next()) count++;
  char** arguments = static_cast<char**>(calloc(count + 1, sizeof(char*)));
  if (arguments == nullptr) return ENOMEM;
  for (size_t i = 0; i < count; i++) arguments[i] = const_cast<char*>(fields->Next());
  if (count == 0) return EINVAL;
  static char* no_environment[] = {nullptr};
  AnnounceExec();
  execve(launch.program, arguments, launch.env == nullptr ? no_environment : launch.env);
  return errno;
}
