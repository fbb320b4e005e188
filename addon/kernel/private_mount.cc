// A file or a listening socket for one container alone: in a tmpfs that is mounted nowhere, so what
// it holds is on no disk and goes with its last user. Put together in a mount namespace of this
// throw-away thread, as kernels before 6.15 clone nothing of a mount that is in no namespace.
#include <fcntl.h>
#include <linux/mount.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>

#include "common/unique_fd.h"
#include "kernel/args.h"
#include "kernel/async.h"
#include "kernel/rootfs.h"

namespace {

constexpr char kName[] = "private";

struct Private {
  // Of a file; a socket has none.
  std::string data;
  bool is_socket = false;
  mode_t mode = 0;
  uid_t uid = 0;
  gid_t gid = 0;
  UniqueFd mount, listener;

  // Its bytes are not left behind in freed memory.
  ~Private() { explicit_bzero(data.data(), data.size()); }
};

Failure MountTmpfs(const Private& o, UniqueFd* mounted) {
  UniqueFd fs(static_cast<int>(syscall(SYS_fsopen, "tmpfs", FSOPEN_CLOEXEC)));
  if (!fs) return Fail("fsopen");
  // Linux 6.4: its pages do not even go to swap.
  syscall(SYS_fsconfig, fs.get(), FSCONFIG_SET_FLAG, "noswap", nullptr, 0);
  syscall(SYS_fsconfig, fs.get(), FSCONFIG_SET_STRING, "mode", "0711", 0);
  if (syscall(SYS_fsconfig, fs.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) < 0)
    return Fail("fsconfig");
  unsigned attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
  if ((o.mode & 0111) == 0) attributes |= MOUNT_ATTR_NOEXEC;
  mounted->reset(static_cast<int>(syscall(SYS_fsmount, fs.get(), FSMOUNT_CLOEXEC, attributes)));
  return *mounted ? Failure{} : Fail("fsmount");
}

Failure WriteFile(const Private& o) {
  UniqueFd file(open(kName, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!file) return Fail("open");
  for (size_t done = 0; done < o.data.size();) {
    ssize_t written = write(file.get(), o.data.data() + done, o.data.size() - done);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return Fail("write");
    done += static_cast<size_t>(written);
  }
  return {};
}

Failure Listen(Private* o) {
  o->listener.reset(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!o->listener) return Fail("socket");
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  // Below the working directory, which this thread does not share.
  memcpy(address.sun_path, kName, sizeof kName);
  if (bind(o->listener.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) < 0)
    return Fail("bind");
  return listen(o->listener.get(), 128) < 0 ? Fail("listen") : Failure{};
}

Failure Make(Private* o) {
  if (unshare(CLONE_NEWNS | CLONE_FS) < 0) return Fail("unshare");
  if (mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) < 0) return Fail("mount", "/");
  UniqueFd mounted;
  if (Failure failure = MountTmpfs(*o, &mounted)) return failure;
  if (syscall(SYS_move_mount, mounted.get(), "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH) < 0)
    return Fail("move_mount", "/");
  if (fchdir(mounted.get()) < 0) return Fail("fchdir");
  if (Failure failure = o->is_socket ? Listen(o) : WriteFile(*o)) return failure;
  if (fchownat(AT_FDCWD, kName, o->uid, o->gid, AT_SYMLINK_NOFOLLOW) < 0) return Fail("fchownat");
  // After the owner, whose change takes bits away.
  if (chmod(kName, o->mode) < 0) return Fail("chmod");
  o->mount.reset(static_cast<int>(
      syscall(SYS_open_tree, mounted.get(), kName, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC)));
  return o->mount ? Failure{} : Fail("open_tree");
}

std::shared_ptr<Private> ReadOptions(const Napi::Object& o) {
  auto made = std::make_shared<Private>();
  made->mode = static_cast<mode_t>(Int(o, "mode"));
  made->uid = static_cast<uid_t>(Int64(o, "uid"));
  made->gid = static_cast<gid_t>(Int64(o, "gid"));
  return made;
}

}  // namespace

Napi::Value PrivateFile(const Napi::CallbackInfo& info) {
  auto o = info[0].As<Napi::Object>();
  auto made = ReadOptions(o);
  made->data = Bytes(o, "data");
  return RunOnThread(
      info.Env(), [made] { return Make(made.get()); },
      [made](Napi::Env env) -> Napi::Value {
        return Napi::Number::New(env, made->mount.release());
      });
}

Napi::Value PrivateSocket(const Napi::CallbackInfo& info) {
  auto made = ReadOptions(info[0].As<Napi::Object>());
  made->is_socket = true;
  return RunOnThread(
      info.Env(), [made] { return Make(made.get()); },
      [made](Napi::Env env) -> Napi::Value {
        Napi::Object result = Napi::Object::New(env);
        result["mount"] = made->mount.release();
        result["listener"] = made->listener.release();
        return result;
      });
}
