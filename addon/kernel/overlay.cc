// Detached overlay mounts.
#include <fcntl.h>
#include <linux/mount.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/unique_fd.h"
#include "kernel/args.h"
#include "kernel/async.h"
#include "kernel/open_in.h"
#include "kernel/rootfs.h"
#include "kernel/tree.h"

namespace {

// fsconfig(2) takes strings of at most 255 bytes.
constexpr size_t kMaxValue = 255;

struct Overlay {
  std::vector<std::string> lowers;
  std::string upper, work;
  bool is_volatile = false;
  // Tests only: the way of kernels before 6.5.
  bool classic = false;
  UniqueFd mount;
};

int FsConfig(int fs, unsigned command, const char* key, const char* value) {
  return static_cast<int>(syscall(SYS_fsconfig, fs, command, key, value, 0));
}

// The kernel refuses an upper that was ever mounted volatile, even after a clean unmount. That its
// content may be incomplete after a crash is the engine's business: it asked for `volatile`.
void ForgetVolatile(const std::string& work) {
  std::string incompat = work + "/work/incompat";
  if (access(incompat.c_str(), F_OK) < 0) return;
  RemoveTree(incompat + "/volatile");
  rmdir(incompat.c_str());
}

// Keeps long directories open for as long as their short names are needed.
class ShortPaths {
 public:
  std::string Of(const std::string& path) {
    if (path.size() <= kMaxValue) return path;
    UniqueFd fd(open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!fd) return path;
    std::string result = FdPath(fd.get());
    fds_.push_back(std::move(fd));
    return result;
  }

 private:
  std::vector<UniqueFd> fds_;
};

// The upper directory is to be a plain diff that commit and export read directly: no redirects, no
// metadata-only copies, no index.
Failure SetOptions(int fs, const Overlay& overlay, ShortPaths* paths) {
  const char* const options[][2] = {
      {"redirect_dir", "nofollow"}, {"metacopy", "off"}, {"index", "off"}};
  for (auto& [key, value] : options) {
    if (FsConfig(fs, FSCONFIG_SET_STRING, key, value) < 0) return Fail("fsconfig", key);
  }
  if (overlay.upper.empty()) return {};
  for (auto& [key, path] : {std::pair{"upperdir", overlay.upper}, {"workdir", overlay.work}}) {
    if (FsConfig(fs, FSCONFIG_SET_STRING, key, paths->Of(path).c_str()) < 0) {
      return Fail("fsconfig", path);
    }
  }
  if (overlay.is_volatile && FsConfig(fs, FSCONFIG_SET_FLAG, "volatile", nullptr) < 0) {
    return Fail("fsconfig", "volatile");
  }
  return {};
}

Failure NewMount(const char* type, UniqueFd* fs) {
  fs->reset(static_cast<int>(syscall(SYS_fsopen, type, FSOPEN_CLOEXEC)));
  if (!*fs) return Fail("fsopen", type);
  // What df and mount print first.
  const bool named = FsConfig(fs->get(), FSCONFIG_SET_STRING, "source", type) == 0;
  return named ? Failure{} : Fail("fsconfig", "source");
}

Failure FinishMount(int fs, const std::string& path, UniqueFd* mount) {
  if (FsConfig(fs, FSCONFIG_CMD_CREATE, nullptr, nullptr) < 0) return Fail("fsconfig", path);
  mount->reset(static_cast<int>(syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, 0)));
  return *mount ? Failure{} : Fail("fsmount", path);
}

// Since 6.5 a lower directory is looked up when it is named; before, any word is taken until the
// mount is made.
bool KernelTakesLayers() {
  static const bool takes = [] {
    UniqueFd fs;
    if (NewMount("overlay", &fs)) return false;
    const char* nowhere = "/proc/self/fd/none";
    return FsConfig(fs.get(), FSCONFIG_SET_STRING, "lowerdir+", nowhere) < 0 && errno == ENOENT;
  }();
  return takes;
}

Failure MountByLayers(Overlay* overlay) {
  UniqueFd fs;
  ShortPaths paths;
  if (Failure failure = NewMount("overlay", &fs)) return failure;
  for (const std::string& lower : overlay->lowers) {
    if (FsConfig(fs.get(), FSCONFIG_SET_STRING, "lowerdir+", paths.Of(lower).c_str()) < 0) {
      return Fail("fsconfig", lower);
    }
  }
  if (Failure failure = SetOptions(fs.get(), *overlay, &paths)) return failure;
  return FinishMount(fs.get(), overlay->lowers[0], &overlay->mount);
}

// Appends /proc/self/fd/N of `path`: a page of mount data has room for more than 200 of these, and
// what is missing is told by its name.
Failure AppendDirectory(const std::string& path, std::vector<UniqueFd>* open_fds,
                        std::string* data) {
  UniqueFd fd(open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return Fail("open", path);
  *data += FdPath(fd.get());
  open_fds->push_back(std::move(fd));
  return {};
}

// Before 6.5 only mount(2) takes more than 255 bytes of lower directories (one page in all), and it
// cannot mount detached: so mount in a namespace of this throw-away thread and take a clone of it.
Failure MountClassic(Overlay* overlay) {
  if (unshare(CLONE_NEWNS) < 0) return Fail("unshare");
  if (mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) < 0) return Fail("mount", "/");
  const std::string& target = overlay->lowers[0];
  std::vector<UniqueFd> fds;
  std::string data = "redirect_dir=nofollow,metacopy=off,index=off";
  for (const std::string& lower : overlay->lowers) {
    data += &lower == &target ? ",lowerdir=" : ":";
    if (Failure failure = AppendDirectory(lower, &fds, &data)) return failure;
  }
  if (!overlay->upper.empty()) {
    data += ",upperdir=";
    if (Failure failure = AppendDirectory(overlay->upper, &fds, &data)) return failure;
    data += ",workdir=";
    if (Failure failure = AppendDirectory(overlay->work, &fds, &data)) return failure;
  } else if (overlay->lowers.size() == 1) {
    // Overlay wants two lowers where there is no upper: the second is an empty tmpfs.
    if (mount("tmpfs", target.c_str(), "tmpfs", 0, nullptr) < 0) return Fail("mount", "tmpfs");
    data += ":";
    if (Failure failure = AppendDirectory(target, &fds, &data)) return failure;
  }
  if (overlay->is_volatile) data += ",volatile";
  if (data.size() >= 4096) return Failure{E2BIG, "mount", target};
  if (mount("overlay", target.c_str(), "overlay", 0, data.c_str()) < 0)
    return Fail("mount", target);
  overlay->mount.reset(static_cast<int>(
      syscall(SYS_open_tree, AT_FDCWD, target.c_str(), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC)));
  return overlay->mount ? Failure{} : Fail("open_tree", target);
}

// As in MountClassic: the second lower is an empty tmpfs. Older kernels take no detached mount as a
// layer.
Failure MountSingle(Overlay* overlay) {
  UniqueFd fs, empty;
  if (Failure failure = NewMount("tmpfs", &fs)) return failure;
  if (Failure failure = FinishMount(fs.get(), "tmpfs", &empty)) return failure;
  overlay->lowers.push_back(FdPath(empty.get()));
  Failure failure = MountByLayers(overlay);
  overlay->lowers.pop_back();
  if (!failure) return failure;
  return MountClassic(overlay);
}

Failure OpenOverlay(Overlay* overlay) {
  if (!overlay->work.empty()) ForgetVolatile(overlay->work);
  if (overlay->classic || !KernelTakesLayers()) return MountClassic(overlay);
  if (overlay->lowers.size() == 1 && overlay->upper.empty()) return MountSingle(overlay);
  return MountByLayers(overlay);
}

}  // namespace

Napi::Value OverlayOpen(const Napi::CallbackInfo& info) {
  auto o = info[0].As<Napi::Object>();
  auto overlay = std::make_shared<Overlay>();
  overlay->lowers = Strings(o, "lowers");
  overlay->upper = Str(o, "upper");
  overlay->work = Str(o, "work");
  overlay->is_volatile = Bool(o, "volatile");
  overlay->classic = Bool(o, "classic");
  return RunOnThread(
      info.Env(), [overlay] { return OpenOverlay(overlay.get()); },
      [overlay](Napi::Env env) -> Napi::Value {
        return Napi::Number::New(env, overlay->mount.release());
      });
}
