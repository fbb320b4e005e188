// The tree of a container that does not run: its overlay with volumes and binds mounted, as one
// detached tree. Put together in a mount namespace of this throw-away thread, as kernels
// before 6.15 attach nothing to a mount that is in no namespace; what is kept is a clone that is in
// none.
#include <fcntl.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/unique_fd.h"
#include "kernel/archive.h"
#include "kernel/args.h"
#include "kernel/async.h"
#include "kernel/open_in.h"
#include "kernel/rootfs.h"

namespace {

struct Bind {
  std::string source, target;
  bool readonly, recursive;
  // In place of `source`.
  UniqueFd fd;
};

struct Assembly {
  UniqueFd base;
  std::vector<Bind> binds;
  bool readonly = false, create = false;
  // What of it is kept: no link is followed on the way.
  std::string subpath;
  UniqueFd tree;
  bool directory = true;
  // Targets that are not there.
  std::vector<std::string> missing;
};

int OpenTree(int dir, const char* path, unsigned flags) {
  return static_cast<int>(syscall(SYS_open_tree, dir, path, flags | OPEN_TREE_CLOEXEC));
}

int OpenBeneath(int base, const std::string& path) {
  open_how how = {};
  how.flags = O_PATH | O_CLOEXEC;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS;
  return static_cast<int>(syscall(SYS_openat2, base, path.c_str(), &how, sizeof how));
}

Failure SetReadonly(int mount, unsigned flags) {
  mount_attr attributes = {};
  attributes.attr_set = MOUNT_ATTR_RDONLY;
  long result =
      syscall(SYS_mount_setattr, mount, "", AT_EMPTY_PATH | flags, &attributes, sizeof(attributes));
  return result < 0 ? Fail("mount_setattr") : Failure{};
}

Failure MakeTarget(int root, const std::string& target, bool directory) {
  if (directory) return MakePath(root, target, NewDir{0755, -1, -1});
  size_t slash = target.rfind('/');
  std::string parent = target.substr(0, slash);
  if (Failure failure = MakePath(root, parent, NewDir{0755, -1, -1})) return failure;
  UniqueFd dir(OpenIn(root, parent, O_PATH | O_DIRECTORY));
  if (!dir) return Fail("openat2", parent);
  UniqueFd file(openat(dir.get(), target.c_str() + slash + 1,
                       O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0755));
  return file ? Failure{} : Fail("openat", target);
}

Failure MountBind(Assembly* assembly, const Bind& bind) {
  unsigned recursive = bind.recursive ? AT_RECURSIVE : 0;
  // A detached mount of another namespace's cannot be cloned here; it is used itself.
  UniqueFd source(bind.fd ? fcntl(bind.fd.get(), F_DUPFD_CLOEXEC, 3)
                          : OpenTree(AT_FDCWD, bind.source.c_str(), OPEN_TREE_CLONE | recursive));
  if (!source) return Fail("open_tree", bind.source);
  if (bind.readonly || assembly->readonly) {
    if (Failure failure = SetReadonly(source.get(), recursive)) return failure;
  }
  int root = assembly->base.get();
  UniqueFd target(OpenIn(root, bind.target, O_PATH));
  if (!target && assembly->create && (errno == ENOENT || errno == ENOTDIR)) {
    struct stat st;
    if (fstat(source.get(), &st) < 0) return Fail("fstat", bind.source);
    if (Failure failure = MakeTarget(root, bind.target, S_ISDIR(st.st_mode))) return failure;
    target.reset(OpenIn(root, bind.target, O_PATH));
  }
  if (!target) {
    assembly->missing.push_back(bind.target);
    return {};
  }
  long result = syscall(SYS_move_mount, source.get(), "", target.get(), "",
                        MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
  return result < 0 ? Fail("move_mount", bind.target) : Failure{};
}

Failure Assemble(Assembly* assembly) {
  if (!assembly->base) return Failure{EBADF, "fcntl", {}};
  if (unshare(CLONE_NEWNS | CLONE_FS) < 0) return Fail("unshare");
  if (mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) < 0) return Fail("mount", "/");
  if (assembly->readonly) {
    if (Failure failure = SetReadonly(assembly->base.get(), 0)) return failure;
  }
  // Over the root directory: paths that begin there do not see what is mounted on it.
  if (syscall(SYS_move_mount, assembly->base.get(), "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH) <
      0) {
    return Fail("move_mount", "/");
  }
  for (const Bind& bind : assembly->binds) {
    if (Failure failure = MountBind(assembly, bind)) return failure;
  }
  UniqueFd below;
  if (!assembly->subpath.empty()) {
    below.reset(OpenBeneath(assembly->base.get(), assembly->subpath));
    if (!below) return Fail("openat2", assembly->subpath);
  }
  const int kept = below ? below.get() : assembly->base.get();
  struct stat st;
  if (fstat(kept, &st) < 0) return Fail("fstat", assembly->subpath);
  assembly->directory = S_ISDIR(st.st_mode);
  assembly->tree.reset(OpenTree(kept, "", OPEN_TREE_CLONE | AT_RECURSIVE | AT_EMPTY_PATH));
  return assembly->tree ? Failure{} : Fail("open_tree");
}

}  // namespace

Napi::Value TreeAssemble(const Napi::CallbackInfo& info) {
  auto o = info[0].As<Napi::Object>();
  auto assembly = std::make_shared<Assembly>();
  // Its own copy: the caller may close the descriptor meanwhile.
  assembly->base.reset(fcntl(Int(o, "base"), F_DUPFD_CLOEXEC, 3));
  assembly->readonly = Bool(o, "readonly");
  assembly->create = Bool(o, "create");
  assembly->subpath = Str(o, "subpath");
  auto binds = o.Get("binds").As<Napi::Array>();
  for (uint32_t i = 0; i < binds.Length(); i++) {
    auto bind = binds.Get(i).As<Napi::Object>();
    UniqueFd fd;
    if (Has(bind, "fd")) fd.reset(fcntl(Int(bind, "fd"), F_DUPFD_CLOEXEC, 3));
    assembly->binds.push_back({Str(bind, "source"), Str(bind, "target"), Bool(bind, "readonly"),
                               Bool(bind, "recursive"), std::move(fd)});
  }
  return RunOnThread(
      info.Env(), [assembly] { return Assemble(assembly.get()); },
      [assembly](Napi::Env env) -> Napi::Value {
        Napi::Object result = Napi::Object::New(env);
        result["fd"] = assembly->tree.release();
        result["directory"] = assembly->directory;
        Napi::Array missing = Napi::Array::New(env);
        for (const std::string& path : assembly->missing) missing[missing.Length()] = path;
        result["missing"] = missing;
        return result;
      });
}
