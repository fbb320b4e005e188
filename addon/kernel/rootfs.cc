// Files inside trees that others wrote: everything goes through OpenIn.
//
// All on throw-away threads: such a tree may lie on a file system that hangs (a volume of NFS or
// FUSE), and must then not take the pool with it.
#include "kernel/rootfs.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <deque>

#include "common/unique_fd.h"
#include "kernel/args.h"
#include "kernel/async.h"
#include "kernel/binding.h"
#include "kernel/open_in.h"
#include "kernel/tree.h"

namespace {

const char* TypeName(mode_t mode) {
  switch (mode & S_IFMT) {
    case S_IFREG:
      return "file";
    case S_IFDIR:
      return "directory";
    case S_IFLNK:
      return "symlink";
    case S_IFBLK:
      return "block";
    case S_IFCHR:
      return "char";
    case S_IFIFO:
      return "fifo";
    default:
      return "socket";
  }
}

}  // namespace

Napi::Value StatObject(Napi::Env env, const struct stat& st, const std::string& link) {
  Napi::Object o = Napi::Object::New(env);
  o["type"] = TypeName(st.st_mode);
  o["mode"] = static_cast<double>(st.st_mode & 07777);
  o["uid"] = static_cast<double>(st.st_uid);
  o["gid"] = static_cast<double>(st.st_gid);
  o["size"] = static_cast<double>(st.st_size);
  o["mtimeNs"] =
      Napi::BigInt::New(env, st.st_mtim.tv_sec * int64_t{1'000'000'000} + st.st_mtim.tv_nsec);
  o["rdev"] = static_cast<double>(st.st_rdev);
  if (S_ISLNK(st.st_mode)) o["linkTarget"] = link;
  return o;
}

namespace {

// As many as the kernel follows, path_resolution(7).
constexpr int kMaxLinks = 40;

Napi::Value OpenRoot(const Napi::CallbackInfo& info) {
  std::string path = StrArg(info, 0);
  int fd = Retry([&] { return open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC); });
  if (fd < 0) return Throw(info.Env(), Fail("open", path));
  return Napi::Number::New(info.Env(), fd);
}

// ---- readFileIn ----

Failure ReadWhole(int root, const std::string& path, size_t max, std::string* content) {
  // O_PATH first: opening a device or a fifo of a hostile image would already do something.
  UniqueFd pinned(OpenIn(root, path, O_PATH));
  if (!pinned) return Fail("openat2", path);
  struct stat st;
  if (fstat(pinned.get(), &st) < 0) return Fail("fstat", path);
  if (!S_ISREG(st.st_mode)) return Failure{EINVAL, "openat2", path};
  if (static_cast<uint64_t>(st.st_size) > max) return Failure{EFBIG, "read", path};
  UniqueFd fd(Reopen(pinned.get(), O_RDONLY | O_NONBLOCK | O_NOCTTY));
  if (!fd) return Fail("open", path);
  // One byte more than there should be: it may have grown, and files of procfs have no size.
  content->resize(st.st_size + 1);
  size_t done = 0;
  for (;;) {
    ssize_t n = Retry([&] { return read(fd.get(), &(*content)[done], content->size() - done); });
    if (n < 0) return Fail("read", path);
    done += n;
    if (done > max) return Failure{EFBIG, "read", path};
    if (n == 0) break;
    if (done == content->size()) content->resize(std::min(done * 2 + 4096, max + 1));
  }
  content->resize(done);
  return {};
}

Napi::Value ReadFileIn(const Napi::CallbackInfo& info) {
  auto o = info[0].As<Napi::Object>();
  auto content = std::make_shared<std::string>();
  return RunOnThread(
      info.Env(),
      [root = Int(o, "root"), path = Str(o, "path"), max = Int64(o, "max"), content] {
        return ReadWhole(root, path, max, content.get());
      },
      [content](Napi::Env env) -> Napi::Value {
        return Napi::Buffer<char>::Copy(env, content->data(), content->size());
      });
}

// ---- statIn ----

struct Stat {
  bool found = false;
  struct stat st;
  std::string link;
};

Failure ReadStat(int root, const std::string& path, bool follow, Stat* result) {
  UniqueFd fd(OpenIn(root, path, O_PATH | (follow ? 0 : O_NOFOLLOW)));
  if (!fd && (errno == ENOENT || errno == ENOTDIR)) return {};
  if (!fd) return Fail("openat2", path);
  if (fstat(fd.get(), &result->st) < 0) return Fail("fstat", path);
  result->found = true;
  if (!S_ISLNK(result->st.st_mode)) return {};
  result->link.resize(4096);
  ssize_t length = readlinkat(fd.get(), "", result->link.data(), result->link.size());
  if (length < 0) return Fail("readlinkat", path);
  result->link.resize(length);
  return {};
}

Napi::Value StatIn(const Napi::CallbackInfo& info) {
  auto o = info[0].As<Napi::Object>();
  auto result = std::make_shared<Stat>();
  return RunOnThread(
      info.Env(),
      [root = Int(o, "root"), path = Str(o, "path"), follow = Bool(o, "follow"), result] {
        return ReadStat(root, path, follow, result.get());
      },
      [result](Napi::Env env) -> Napi::Value {
        if (!result->found) return env.Undefined();
        return StatObject(env, result->st, result->link);
      });
}

// ---- mkdirIn ----

Failure MakeDir(int parent, const std::string& name, const NewDir& made) {
  if (mkdirat(parent, name.c_str(), made.mode & 01777) < 0) return Fail("mkdirat", name);
  UniqueFd fd(openat(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd) return Fail("openat", name);
  if ((made.uid >= 0 || made.gid >= 0) && fchown(fd.get(), made.uid, made.gid) < 0) {
    return Fail("fchown", name);
  }
  // mkdir(2) takes no setuid and setgid bits.
  if (made.mode & 06000 && fchmod(fd.get(), made.mode) < 0) return Fail("fchmod", name);
  return {};
}

}  // namespace

// Component by component, so that a dangling symlink on the way gets its target made, as with moby,
// inside the root. Whoever exchanges components meanwhile decides where in the root it is made, no
// more: each step goes through a descriptor that OpenIn has answered.
Failure MakePath(int root, const std::string& path, const NewDir& made) {
  // The mode is to be exact. This thread has its own umask from here on.
  if (unshare(CLONE_FS) < 0) return Fail("unshare", path);
  umask(0);
  auto parts = SplitPath(path);
  std::deque<std::string> pending(parts.begin(), parts.end());
  std::vector<std::string> resolved;
  int links = 0;
  while (!pending.empty()) {
    std::string name = std::move(pending.front());
    pending.pop_front();
    if (name == "..") {
      if (!resolved.empty()) resolved.pop_back();
      continue;
    }
    std::string parent_path;
    for (const std::string& part : resolved) parent_path = JoinPath(parent_path, part);
    UniqueFd parent(OpenIn(root, parent_path, O_PATH | O_DIRECTORY));
    if (!parent) return Fail("openat2", path);
    UniqueFd entry(openat(parent.get(), name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    if (!entry && errno != ENOENT) return Fail("openat", path);
    struct stat st = {};
    if (entry && fstat(entry.get(), &st) < 0) return Fail("fstat", path);
    if (entry && S_ISLNK(st.st_mode)) {
      if (++links > kMaxLinks) return Failure{ELOOP, "openat2", path};
      std::string target(4096, '\0');
      ssize_t length = readlinkat(entry.get(), "", target.data(), target.size());
      if (length < 0) return Fail("readlinkat", path);
      target.resize(length);
      if (target.starts_with('/')) resolved.clear();
      auto more = SplitPath(target);
      pending.insert(pending.begin(), more.begin(), more.end());
      continue;
    }
    if (entry && !S_ISDIR(st.st_mode)) return Failure{ENOTDIR, "mkdirat", path};
    if (!entry) {
      Failure failure = MakeDir(parent.get(), name, made);
      if (failure && failure.error != EEXIST) return failure;
    }
    resolved.push_back(std::move(name));
  }
  return {};
}

namespace {

Napi::Value MkdirIn(const Napi::CallbackInfo& info) {
  auto o = info[0].As<Napi::Object>();
  NewDir made{static_cast<mode_t>(Int(o, "mode")), Int64(o, "uid"), Int64(o, "gid")};
  return RunOnThread(info.Env(), [root = Int(o, "root"), path = Str(o, "path"), made] {
    return MakePath(root, path, made);
  });
}

// ---- whole trees ----

Napi::Object TotalsObject(Napi::Env env, const TreeTotals& totals) {
  Napi::Object o = Napi::Object::New(env);
  o["bytes"] = static_cast<double>(totals.bytes);
  o["entries"] = static_cast<double>(totals.entries);
  return o;
}

Failure CopyTreeIn(int root, const std::string& path, int dest_root, TreeTotals* totals) {
  UniqueFd source(OpenIn(root, path, O_RDONLY | O_DIRECTORY | O_NONBLOCK));
  if (!source) return Fail("openat2", path);
  UniqueFd dest(openat(dest_root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!dest) return Fail("openat");
  return CopyTree(source.get(), dest.get(), totals);
}

Napi::Value CopyTreeCall(const Napi::CallbackInfo& info) {
  auto o = info[0].As<Napi::Object>();
  auto totals = std::make_shared<TreeTotals>();
  return RunOnThread(
      info.Env(),
      [root = Int(o, "root"), path = Str(o, "path"), dest = Int(o, "dest"), totals] {
        return CopyTreeIn(root, path, dest, totals.get());
      },
      [totals](Napi::Env env) { return TotalsObject(env, *totals); });
}

Napi::Value TreeSize(const Napi::CallbackInfo& info) {
  auto totals = std::make_shared<TreeTotals>();
  return RunOnThread(
      info.Env(), [path = StrArg(info, 0), totals] { return MeasureTree(path, totals.get()); },
      [totals](Napi::Env env) { return TotalsObject(env, *totals); });
}

Napi::Value RemoveTreeCall(const Napi::CallbackInfo& info) {
  return RunOnThread(info.Env(), [path = StrArg(info, 0)] { return RemoveTree(path); });
}

Failure SyncFileSystem(const std::string& path) {
  UniqueFd fd(open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  if (!fd) return Fail("open", path);
  return syncfs(fd.get()) < 0 ? Fail("syncfs", path) : Failure{};
}

Napi::Value SyncFs(const Napi::CallbackInfo& info) {
  return RunOnThread(info.Env(), [path = StrArg(info, 0)] { return SyncFileSystem(path); });
}

}  // namespace

void InitRootfs(Napi::Env env, Napi::Object exports) {
  exports["openRoot"] = Napi::Function::New<OpenRoot>(env);
  exports["mountClone"] = Napi::Function::New<MountClone>(env);
  exports["privateFile"] = Napi::Function::New<PrivateFile>(env);
  exports["privateSocket"] = Napi::Function::New<PrivateSocket>(env);
  exports["overlayOpen"] = Napi::Function::New<OverlayOpen>(env);
  exports["volumeMount"] = Napi::Function::New<VolumeMount>(env);
  exports["volumeTree"] = Napi::Function::New<VolumeTree>(env);
  exports["projectOf"] = Napi::Function::New<ProjectOf>(env);
  exports["projectQuota"] = Napi::Function::New<ProjectQuota>(env);
  exports["readFileIn"] = Napi::Function::New<ReadFileIn>(env);
  exports["statIn"] = Napi::Function::New<StatIn>(env);
  exports["mkdirIn"] = Napi::Function::New<MkdirIn>(env);
  exports["copyTree"] = Napi::Function::New<CopyTreeCall>(env);
  exports["treeSize"] = Napi::Function::New<TreeSize>(env);
  exports["removeTree"] = Napi::Function::New<RemoveTreeCall>(env);
  exports["syncFs"] = Napi::Function::New<SyncFs>(env);
}
