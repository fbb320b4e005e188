#include "kernel/sealed_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include <map>
#include <mutex>

#include "common/unique_fd.h"

namespace {

Failure CopySealed(const std::string& path, UniqueFd* result) {
  UniqueFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat st;
  if (!file || fstat(file.get(), &st) != 0) return Fail("open", path);
  UniqueFd copy(memfd_create("tdocker-shim", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!copy) return Fail("memfd_create");
  for (off_t left = st.st_size; left > 0;) {
    ssize_t sent = sendfile(copy.get(), file.get(), nullptr, static_cast<size_t>(left));
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return Fail("sendfile", path);
    left -= sent;
  }
  int seals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
  if (fcntl(copy.get(), F_ADD_SEALS, seals) < 0) return Fail("fcntl");
  *result = std::move(copy);
  return {};
}

}  // namespace

Failure SealedExecutable(const std::string& path, std::string* sealed) {
  static std::mutex mutex;
  static std::map<std::string, std::string> known;
  std::lock_guard<std::mutex> lock(mutex);
  auto found = known.find(path);
  if (found != known.end()) {
    *sealed = found->second;
    return {};
  }
  UniqueFd copy;
  if (Failure failure = CopySealed(path, &copy)) {
    if (failure.error == ENOENT) return failure;
    *sealed = path;
    return {};
  }
  // By our pid: the child has closed its descriptors when it executes. Kept as long as we live.
  *sealed = "/proc/" + std::to_string(getpid()) + "/fd/" + std::to_string(copy.release());
  // vm.memfd_noexec may forbid to execute it.
  if (access(sealed->c_str(), X_OK) != 0) *sealed = path;
  known[path] = *sealed;
  return {};
}
