#pragma once
#include <cstddef>
#include <cstdint>

#include "shim/plan.h"

constexpr int kMaxTrees = 4096;
constexpr int kMaxLate = 64;

// What the plan's steps hand to one another on the way to the process.
struct Launch {
  // Set by the shim before it makes the process.
  int passed_count = 0;  // descriptors that came with the plan
  int trees[kMaxTrees];  // detached clones of bind sources
  int tree_count = 0;
  int cgroup_procs[32];  // cgroup v1 `cgroup.procs` files, opened for writing
  int cgroup_count = 0;
  int cgroup2_fd = -1;  // directory that clone3 puts the process into
  int joined[4];        // namespaces to be entered by the process
  int joined_count = 0;
  bool new_time = false;
  int enter_pidfd = -1;
  int root_mount = -1;  // detached, to become the root

  // Only in the process to be.
  int channel = -1;
  int root_fd = -1;
  int proc_fd = -1;   // a procfs of our own, which no mount in the container can shadow
  int null_fd = -1;   // mask of files
  int empty_fd = -1;  // mask of directories
  bool null_attached = false;
  bool empty_attached = false;
  int late_readonly[kMaxLate];
  int late_count = 0;
  const char* cwd = "/";
  bool retry_cwd = false;
  bool announced = false;
  char program[4096] = {0};
  char** env = nullptr;
  size_t env_count = 0;
};

extern Launch launch;

// Descriptor of the plan's index; -1 for one that is no descriptor.
int PassedFd(long long index);

// launch.cc, in the shim: makes the process with these clone flags. Returns in both: 0 in the
// process to be, else the pid, or -errno.
int CloneProcess(uint64_t flags);
// Waits until the process is executed: 0, or errno and the stage at which it failed.
int AwaitExec(const char** stage);
// In the process to be: tells the shim what failed, and ends.
[[noreturn]] void FailLaunch(const char* stage, int error);
// Says that from now on silence means success: the next step may forbid to speak.
void AnnounceExec();
int SendMaster(int master);

// A step takes its record's fields and returns 0 or errno.
using Step = int (*)(Fields*);

// root.cc
int EnterRoot(Fields*);
int MakeDevice(Fields*);
int MakeSymlink(Fields*);
int MakeFile(Fields*);
int MakeWorkdir(Fields*);
int WriteSysctl(Fields*);
int FinishRoot(Fields*);
int OpenRoot();
int OpenProc();
// paths.cc: all resolution is inside the root, by openat2. Descriptors (O_PATH), or -errno.
int OpenIn(const char* path, uint64_t flags, uint64_t extra_resolve = 0);
// As the process itself would, links included, but through no descriptor of ours.
int OpenFromCwd(const char* path, uint64_t flags);
int EnsureDirectory(const char* path, uint64_t extra_resolve = 0);
int EnsureFile(const char* path, uint64_t extra_resolve = 0);
// The directory of `path`, made when missing, and the last component.
int EnsureParent(const char* path, const char** base);
// Opens below our own procfs and verifies that it is procfs.
int OpenInProc(const char* path, uint64_t flags);
// mounts.cc
int CloneTree(Fields*);
int AttachTree(Fields*);
int MountFilesystem(Fields*);
int SetLateReadonly(Fields*);
int MoveMount(int mount, int target);
// idmap.cc
int MapIds(Fields*);
// masks.cc
int OpenMaskSource(Fields*);
int MaskPath(Fields*);
int ReadonlyPath(Fields*);
// copy-up.cc
int CopyUp(int from, int to);
// tty.cc
int OpenTerminal(Fields*);
// namespaces.cc
int JoinCgroup(Fields*);
int NewTimeNamespace(Fields*);
int CreateProcess(Fields*);
int EnterProcess(Fields*);
int JoinNamespaces(Fields*);
int NewCgroupNamespace(Fields*);
int SetHostname(Fields*);
int SetDomainname(Fields*);
// process.cc
int SetOomScoreAdj(Fields*);
int SetRlimit(Fields*);
int JoinKeyring(Fields*);
int SetAppArmorProfile(Fields*);
int SetUmask(Fields*);
int SetCwd(Fields*);
int SetUser(Fields*);
int AddEnv(Fields*);
int HoldSignals(Fields*);
int FindProgram(Fields*);
int Execute(Fields*);
// privileges.cc
int DropBounding(Fields*);
int SetCapabilities(Fields*);
int RaiseAmbient(Fields*);
int SetNoNewPrivileges(Fields*);
int LoadSeccomp(Fields*);
