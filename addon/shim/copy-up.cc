#include <dirent.h>
#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstring>

#include "shim/launch.h"

// Copies what a tmpfs is about to cover into it. Nothing else runs in the container yet, but a
// shared volume may change below: every step is by descriptor and follows no link.

namespace {

constexpr int kDepthMax = 256;

int CopyDirectory(int from, int to, int depth);

int CopyData(int from, int to) {
  for (;;) {
    const ssize_t sent = sendfile(to, from, nullptr, 1 << 30);
    if (sent < 0 && errno != EINTR) return errno;
    if (sent == 0) return 0;
  }
}

int CopyFile(int from, int to, const char* name, const struct stat& st) {
  const int source = openat(from, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (source < 0) return errno;
  const int target = openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  int error = target < 0 ? errno : CopyData(source, target);
  if (error == 0 && fchown(target, st.st_uid, st.st_gid) != 0) error = errno;
  if (error == 0 && fchmod(target, st.st_mode & 07777) != 0) error = errno;
  const timespec times[2] = {st.st_atim, st.st_mtim};
  if (error == 0) futimens(target, times);
  close(source);
  close(target);
  return error;
}

int CopySubdirectory(int from, int to, const char* name, const struct stat& st, int depth) {
  if (mkdirat(to, name, 0700) != 0) return errno;
  const int source = openat(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  const int target = openat(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  int error = source < 0 || target < 0 ? errno : CopyDirectory(source, target, depth + 1);
  if (error == 0 && fchown(target, st.st_uid, st.st_gid) != 0) error = errno;
  if (error == 0 && fchmod(target, st.st_mode & 07777) != 0) error = errno;
  close(source);
  close(target);
  return error;
}

int CopyOther(int from, int to, const char* name, const struct stat& st) {
  if (S_ISLNK(st.st_mode)) {
    char target[PATH_MAX];
    const ssize_t size = readlinkat(from, name, target, sizeof target - 1);
    if (size < 0) return errno;
    target[size] = 0;
    if (symlinkat(target, to, name) != 0) return errno;
  } else if (mknodat(to, name, st.st_mode, st.st_rdev) != 0) {
    return errno;
  }
  return fchownat(to, name, st.st_uid, st.st_gid, AT_SYMLINK_NOFOLLOW) == 0 ? 0 : errno;
}

int CopyEntry(int from, int to, const char* name, int depth) {
  struct stat st;
  if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) != 0) return errno;
  if (S_ISREG(st.st_mode)) return CopyFile(from, to, name, st);
  if (S_ISDIR(st.st_mode)) return CopySubdirectory(from, to, name, st, depth);
  return CopyOther(from, to, name, st);
}

int CopyDirectory(int from, int to, int depth) {
  if (depth > kDepthMax) return ENAMETOOLONG;
  DIR* directory = fdopendir(dup(from));
  if (directory == nullptr) return errno;
  int error = 0;
  while (const dirent* entry = error == 0 ? readdir(directory) : nullptr) {
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
    error = CopyEntry(from, to, entry->d_name, depth);
  }
  closedir(directory);
  return error;
}

}  // namespace

int CopyUp(int from, int to) { return CopyDirectory(from, to, 0); }
