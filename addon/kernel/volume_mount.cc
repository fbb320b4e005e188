// File systems of volumes, mounted where nobody sees them: each has a mount namespace of its own
// whose root it is. The namespace lives as long as a descriptor of it; containers get clones of its
// root. (Before 6.15 only a namespace's own mounts can be cloned, so a detached mount could be
// given away only once.)
#include <fcntl.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/unique_fd.h"
#include "kernel/args.h"
#include "kernel/async.h"
#include "kernel/rootfs.h"

namespace {

struct Wish {
  std::string device, target, type, data;
  unsigned long flags = 0;
  UniqueFd space;
};

constexpr unsigned long kPropagation = MS_SHARED | MS_PRIVATE | MS_SLAVE | MS_UNBINDABLE;

Failure MountWish(const Wish& wish) {
  const char* target = wish.target.c_str();
  const unsigned long flags = wish.flags & ~kPropagation;
  if (mount(wish.device.c_str(), target, wish.type.c_str(), flags, wish.data.c_str()) < 0) {
    return Fail("mount");
  }
  // The call that binds passes over all other flags.
  const bool bind_readonly = (flags & MS_BIND) != 0 && (flags & MS_RDONLY) != 0;
  if (bind_readonly && mount("", target, "", flags | MS_REMOUNT, nullptr) < 0) {
    return Fail("remount-ro");
  }
  return {};
}

// What was the host's goes; what is left is the volume alone.
Failure BecomeRoot(const std::string& target) {
  if (chdir(target.c_str()) < 0) return Fail("chdir", target);
  if (syscall(SYS_pivot_root, ".", ".") < 0) return Fail("pivot_root", target);
  return umount2(".", MNT_DETACH) < 0 ? Fail("umount2", target) : Failure{};
}

Failure MountApart(Wish* wish) {
  if (unshare(CLONE_NEWNS | CLONE_FS) < 0) return Fail("unshare");
  wish->space.reset(open("/proc/thread-self/ns/mnt", O_RDONLY | O_CLOEXEC));
  if (!wish->space) return Fail("open", "/proc/thread-self/ns/mnt");
  if (mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) < 0) return Fail("unshare", "/");
  if (Failure failure = MountWish(*wish)) return failure;
  return BecomeRoot(wish->target);
}

struct Source {
  UniqueFd space;
  std::string base, subpath;
  bool recursive = false;
  UniqueFd tree;
  bool directory = true;
};

int OpenBeneath(int base, const std::string& path) {
  open_how how = {};
  how.flags = O_PATH | O_CLOEXEC;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS;
  return static_cast<int>(
      Retry([&] { return syscall(SYS_openat2, base, path.c_str(), &how, sizeof how); }));
}

// On a thread that ends afterwards: it stays in the volume's namespace.
Failure CloneSource(Source* source) {
  if (source->space) {
    if (unshare(CLONE_FS) < 0) return Fail("unshare");
    if (setns(source->space.get(), CLONE_NEWNS) < 0) return Fail("setns");
  }
  UniqueFd at(open(source->base.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!at) return Fail("open", source->base);
  if (!source->subpath.empty()) {
    UniqueFd below(OpenBeneath(at.get(), source->subpath));
    if (!below) return Fail("openat2", source->subpath);
    at = std::move(below);
  }
  struct stat st;
  if (fstat(at.get(), &st) < 0) return Fail("fstat", source->subpath);
  source->directory = S_ISDIR(st.st_mode);
  const unsigned recursive = source->recursive ? AT_RECURSIVE : 0;
  source->tree.reset(
      static_cast<int>(syscall(SYS_open_tree, at.get(), "",
                               OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | recursive)));
  return source->tree ? Failure{} : Fail("open_tree", source->base);
}

}  // namespace

Napi::Value VolumeMount(const Napi::CallbackInfo& info) {
  auto o = info[0].As<Napi::Object>();
  auto wish = std::make_shared<Wish>();
  wish->device = Str(o, "device");
  wish->target = Str(o, "target");
  wish->type = Str(o, "type");
  wish->data = Str(o, "data");
  wish->flags = static_cast<unsigned long>(Int64(o, "flags", 0));
  return RunOnThread(
      info.Env(), [wish] { return MountApart(wish.get()); },
      [wish](Napi::Env env) -> Napi::Value {
        return Napi::Number::New(env, wish->space.release());
      });
}

Napi::Value VolumeTree(const Napi::CallbackInfo& info) {
  auto o = info[0].As<Napi::Object>();
  auto source = std::make_shared<Source>();
  // Its own copy: the caller may close the descriptor meanwhile.
  if (Has(o, "mntnsFd")) source->space.reset(fcntl(Int(o, "mntnsFd"), F_DUPFD_CLOEXEC, 3));
  if (Has(o, "mntnsFd") && !source->space) return Throw(info.Env(), Fail("fcntl"));
  source->base = Str(o, "base");
  source->subpath = Str(o, "subpath");
  source->recursive = Bool(o, "recursive");
  return RunOnThread(
      info.Env(), [source] { return CloneSource(source.get()); },
      [source](Napi::Env env) -> Napi::Value {
        Napi::Object result = Napi::Object::New(env);
        result["fd"] = source->tree.release();
        result["directory"] = source->directory;
        return result;
      });
}
