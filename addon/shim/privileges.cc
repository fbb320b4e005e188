#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "shim/launch.h"

namespace {

struct CapabilityData {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct sets[2]{};
};

uint64_t Permitted() {
  CapabilityData data;
  syscall(SYS_capget, &data.header, data.sets);
  return data.sets[0].permitted | static_cast<uint64_t>(data.sets[1].permitted) << 32;
}

}  // namespace

int DropBounding(Fields* fields) {
  const uint64_t keep = fields->Hex();
  for (int capability = 0; capability < 64; capability++) {
    if ((keep >> capability & 1) != 0) continue;
    if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0)
      return errno == EINVAL ? 0 : errno;  // past the last one the kernel knows
  }
  return 0;
}

// What the engine itself does not have cannot be given, and is left out.
int SetCapabilities(Fields* fields) {
  const uint64_t have = Permitted();
  const uint64_t effective = fields->Hex() & have;
  const uint64_t permitted = fields->Hex() & have;
  const uint64_t inheritable = fields->Hex() & have;
  CapabilityData data;
  for (int i = 0; i < 2; i++) {
    data.sets[i].effective = static_cast<uint32_t>(effective >> 32 * i);
    data.sets[i].permitted = static_cast<uint32_t>(permitted >> 32 * i);
    data.sets[i].inheritable = static_cast<uint32_t>(inheritable >> 32 * i);
  }
  return syscall(SYS_capset, &data.header, data.sets) == 0 ? 0 : errno;
}

int RaiseAmbient(Fields* fields) {
  const uint64_t ambient = fields->Hex() & Permitted();
  for (int capability = 0; capability < 64; capability++)
    if ((ambient >> capability & 1) != 0 &&
        prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0) != 0)
      return errno;
  return 0;
}

int SetNoNewPrivileges(Fields*) { return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 ? 0 : errno; }

int LoadSeccomp(Fields* fields) {
  sock_fprog program{};
  program.len = static_cast<unsigned short>(fields->raw_size() / sizeof(sock_filter));
  program.filter = reinterpret_cast<sock_filter*>(const_cast<char*>(fields->raw()));
  if (fields->raw_size() % sizeof(sock_filter) != 0 || fields->raw_size() > 4096 * 8) return EINVAL;
  AnnounceExec();
  // As runc: a filter alone is no reason to switch the process's speculation off.
  if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW, &program) == 0)
    return 0;
  return errno;
}
