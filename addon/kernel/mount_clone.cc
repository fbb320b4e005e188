// A mount of another container, taken out of its mount namespace: the kernel clones mounts only of
// the caller's own.
#include <fcntl.h>
#include <linux/mount.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/unique_fd.h"
#include "kernel/args.h"
#include "kernel/async.h"
#include "kernel/rootfs.h"

namespace {

// On a thread that ends afterwards: it stays in the other namespace.
Failure CloneMount(int mntns, const std::string& path, UniqueFd* result) {
  // setns(2) refuses threads that share root and working directory with others.
  if (unshare(CLONE_FS) < 0) return Fail("unshare");
  if (setns(mntns, CLONE_NEWNS) < 0) return Fail("setns");
  // Links are the other container's: none is followed at the end, and all stay in its tree.
  unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_SYMLINK_NOFOLLOW;
  result->reset(static_cast<int>(syscall(SYS_open_tree, AT_FDCWD, path.c_str(), flags)));
  return *result ? Failure{} : Fail("open_tree", path);
}

}  // namespace

Napi::Value MountClone(const Napi::CallbackInfo& info) {
  auto o = info[0].As<Napi::Object>();
  auto mount = std::make_shared<UniqueFd>();
  // Its own copy: the caller may close the descriptor meanwhile.
  auto mntns = std::make_shared<UniqueFd>(fcntl(Int(o, "mntnsFd"), F_DUPFD_CLOEXEC, 3));
  return RunOnThread(
      info.Env(),
      [mntns, mount, path = Str(o, "path")] {
        return *mntns ? CloneMount(mntns->get(), path, mount.get()) : Failure{EBADF, "fcntl", path};
      },
      [mount](Napi::Env env) -> Napi::Value { return Napi::Number::New(env, mount->release()); });
}
