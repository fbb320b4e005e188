// Sizes of directories, limited by project quotas: what is made below one of them carries its
// project id, and the file system counts for each id. xfs, and ext4 with the feature `project`.
#include <fcntl.h>
#include <linux/dqblk_xfs.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/quota.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/unique_fd.h"
#include "kernel/args.h"
#include "kernel/async.h"
#include "kernel/rootfs.h"

#ifndef SYS_quotactl_fd
#define SYS_quotactl_fd 443
#endif
#ifndef PRJQUOTA
#define PRJQUOTA 2
#endif

namespace {

constexpr uint64_t kBlock = 512;

Failure Open(const std::string& dir, UniqueFd* fd) {
  fd->reset(open(dir.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  return *fd ? Failure{} : Fail("open", dir);
}

// 0: none.
Failure ReadProject(const std::string& dir, uint32_t* id) {
  UniqueFd fd;
  if (Failure failure = Open(dir, &fd)) return failure;
  fsxattr attributes = {};
  if (ioctl(fd.get(), FS_IOC_FSGETXATTR, &attributes) < 0) return Fail("ioctl", dir);
  *id = attributes.fsx_projid;
  return {};
}

Failure SetQuota(const std::string& dir, uint32_t id, uint64_t bytes) {
  UniqueFd fd;
  if (Failure failure = Open(dir, &fd)) return failure;
  fs_disk_quota quota = {};
  quota.d_version = FS_DQUOT_VERSION;
  quota.d_id = id;
  quota.d_flags = FS_PROJ_QUOTA;
  quota.d_fieldmask = FS_DQ_BHARD | FS_DQ_BSOFT;
  quota.d_blk_hardlimit = quota.d_blk_softlimit = bytes / kBlock;
  if (syscall(SYS_quotactl_fd, fd.get(), QCMD(Q_XSETQLIM, PRJQUOTA), id, &quota) < 0) {
    return Fail("quotactl", dir);
  }
  fsxattr attributes = {};
  if (ioctl(fd.get(), FS_IOC_FSGETXATTR, &attributes) < 0) return Fail("ioctl", dir);
  attributes.fsx_projid = id;
  attributes.fsx_xflags |= FS_XFLAG_PROJINHERIT;
  return ioctl(fd.get(), FS_IOC_FSSETXATTR, &attributes) < 0 ? Fail("ioctl", dir) : Failure{};
}

}  // namespace

Napi::Value ProjectOf(const Napi::CallbackInfo& info) {
  auto id = std::make_shared<uint32_t>(0);
  return RunOnThread(
      info.Env(), [dir = StrArg(info, 0), id] { return ReadProject(dir, id.get()); },
      [id](Napi::Env env) -> Napi::Value { return Napi::Number::New(env, *id); });
}

Napi::Value ProjectQuota(const Napi::CallbackInfo& info) {
  auto o = info[0].As<Napi::Object>();
  const auto id = static_cast<uint32_t>(Int64(o, "project"));
  const auto bytes = static_cast<uint64_t>(Int64(o, "bytes"));
  return RunOnThread(info.Env(),
                     [dir = Str(o, "dir"), id, bytes] { return SetQuota(dir, id, bytes); });
}
