#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "shim/control.h"
#include "shim/launch.h"
#include "shim/monitor.h"
#include "shim/ports.h"
#include "shim/text.h"

namespace {

int SetName(Fields* fields) {
  monitor.name = strdup(fields->Next());
  return monitor.name == nullptr ? ENOMEM : 0;
}

int JoinMonitorCgroup(Fields* fields) {
  const int fd = open(fields->Next(), O_WRONLY | O_CLOEXEC);
  if (fd < 0) return errno;
  const int error = write(fd, "0", 1) == 1 ? 0 : errno;
  close(fd);
  return error;
}

int SetExitPath(Fields* fields) {
  monitor.exit_path = strdup(fields->Next());
  return monitor.exit_path == nullptr ? ENOMEM : 0;
}

int SetLog(Fields* fields) {
  const char* kind = fields->Next();
  if (strcmp(kind, "none") == 0) return 0;
  Log* log = &monitor.log;
  log->segmented = strcmp(kind, "segments") == 0;
  log->path = strdup(fields->Next());
  log->max_size = fields->Number();
  log->max_file = static_cast<int>(fields->Number());
  log->attrs = strdup(fields->Next());
  if (log->segmented) {
    log->start = fields->Number();
    log->backlog = fields->Number();
    log->sent = log->confirmed = fields->Number();
  }
  return log->path == nullptr || log->attrs == nullptr ? ENOMEM : OpenLog(log);
}

int SetStdio(Fields* fields) {
  Stdio* stdio = &monitor.stdio;
  stdio->tty = fields->Flag();
  stdio->open_stdin = strcmp(fields->Next(), "open") == 0;
  stdio->stdin_once = fields->Flag();
  stdio->rows = static_cast<unsigned short>(fields->Number());
  stdio->columns = static_cast<unsigned short>(fields->Number());
  monitor.outputs[1].client_stream = 2;
  monitor.outputs[1].log.name = "stderr";
  return 0;
}

// A duplicate, so that all the numbers that were passed can be closed alike.
int Keep(Fields* fields) { return fcntl(PassedFd(fields->Number()), F_DUPFD_CLOEXEC, 0); }

int TakeClient(Fields* fields) {
  const int fd = Keep(fields);
  if (fd < 0) return errno;
  const char* streams = fields->Next();
  const char* keys = fields->Next();
  return AddClient(fd, streams, keys, fields->raw(), fields->raw_size());
}

int Hold(Fields* fields) { return Keep(fields) < 0 ? errno : 0; }

int TakePort(Fields* fields) {
  const int fd = Keep(fields);
  if (fd < 0) return errno;
  const char* name = fields->Next();
  const char* address = fields->Next();
  return HoldPort({name, fd, address, static_cast<int>(fields->Number())});
}

int Listen(Fields* fields) {
  monitor.socket_path = strdup(fields->Next());
  return monitor.socket_path == nullptr ? ENOMEM : OpenControl(monitor.socket_path);
}

struct Entry {
  const char* name;
  Step step;
  // What a failure is called, when not by the record's name.
  const char* stage;
  // Whether the first field belongs to that, too.
  bool shows_field;
};

constexpr Entry kSteps[] = {
    // In the shim, for itself.
    {"name", SetName, nullptr, false},
    {"monitor-cgroup", JoinMonitorCgroup, nullptr, true},
    {"exit", SetExitPath, nullptr, false},
    {"log", SetLog, nullptr, false},
    {"stdio", SetStdio, nullptr, false},
    {"client", TakeClient, nullptr, false},
    {"hold", Hold, nullptr, false},
    {"port", TakePort, nullptr, false},
    {"socket", Listen, nullptr, false},
    // In the shim, for the process.
    {"tree", CloneTree, "mount", true},
    {"idmap", MapIds, nullptr, true},
    {"cgroup", JoinCgroup, nullptr, true},
    {"time-namespace", NewTimeNamespace, "namespaces", false},
    {"create", CreateProcess, "namespaces", false},
    {"enter", EnterProcess, "namespaces", false},
    // In the process to be.
    {"join", JoinNamespaces, "namespaces", false},
    {"cgroup-namespace", NewCgroupNamespace, "namespaces", false},
    {"mask-source", OpenMaskSource, "mask", false},
    {"root", EnterRoot, nullptr, false},
    {"attach", AttachTree, "mount", true},
    {"mount", MountFilesystem, nullptr, true},
    {"device", MakeDevice, nullptr, true},
    {"symlink", MakeSymlink, nullptr, true},
    {"file", MakeFile, nullptr, true},
    {"tty", OpenTerminal, nullptr, false},
    {"hostname", SetHostname, nullptr, false},
    {"domainname", SetDomainname, nullptr, false},
    {"sysctl", WriteSysctl, nullptr, true},
    {"workdir", MakeWorkdir, "cwd", false},
    {"late-readonly", SetLateReadonly, "mount", false},
    {"readonly", ReadonlyPath, nullptr, true},
    {"mask", MaskPath, nullptr, true},
    {"finish-root", FinishRoot, "root", false},
    {"oom-score-adj", SetOomScoreAdj, nullptr, false},
    {"rlimit", SetRlimit, nullptr, true},
    {"keyring", JoinKeyring, nullptr, false},
    {"apparmor", SetAppArmorProfile, nullptr, true},
    {"umask", SetUmask, nullptr, false},
    {"cwd", SetCwd, nullptr, false},
    {"bounding", DropBounding, "capabilities", false},
    {"user", SetUser, nullptr, false},
    {"capabilities", SetCapabilities, nullptr, false},
    {"ambient", RaiseAmbient, "capabilities", false},
    {"no-new-privileges", SetNoNewPrivileges, nullptr, false},
    {"seccomp", LoadSeccomp, nullptr, false},
    {"env", AddEnv, nullptr, false},
    {"hold-signals", HoldSignals, nullptr, false},
    {"find", FindProgram, "exec", false},
    {"exec", Execute, nullptr, false},
};

const Entry* FindStep(const char* name) {
  for (const Entry& entry : kSteps)
    if (strcmp(entry.name, name) == 0) return &entry;
  return nullptr;
}

// Valid until the plan is unmapped or the next failure.
const char* StageName(const Entry* entry, Fields fields) {
  static Text<4500> stage;
  stage.Add(entry->stage != nullptr ? entry->stage : entry->name);
  if (entry->shows_field) stage.Add(" ").Add(fields.Next());
  return stage.data();
}

}  // namespace

int RunPlan(Plan* plan, const char** stage) {
  const char* name = nullptr;
  Fields fields;
  int error = 0;
  while (plan->Next(&name, &fields, &error)) {
    const Entry* entry = FindStep(name);
    Fields arguments = fields;
    error = entry == nullptr ? EPROTO : entry->step(&arguments);
    if (error != 0) {
      *stage = entry == nullptr ? "plan" : StageName(entry, fields);
      if (launch.channel >= 0) FailLaunch(*stage, error);
      return error;
    }
    // The rest is the process's own to do.
    if (monitor.pid > 0 && launch.channel < 0) return 0;
  }
  *stage = "plan";
  if (error == 0) error = EPROTO;  // it ended before there was a process
  if (launch.channel >= 0) FailLaunch(*stage, error);
  return error;
}
