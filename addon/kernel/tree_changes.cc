// What an overlay's upper directory changes in the tree below it.
#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <set>

#include "common/unique_fd.h"
#include "kernel/archive.h"
#include "kernel/args.h"
#include "kernel/async.h"
#include "kernel/open_in.h"
#include "kernel/tree.h"

namespace {

enum Kind { kModified = 0, kAdded = 1, kDeleted = 2 };

struct Change {
  std::string path;
  Kind kind;
};

constexpr int kOpenDir = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK;
constexpr char kOpaque[] = "trusted.overlay.opaque";

int OpenBelow(int root, const std::string& path, int flags) {
  open_how how = {};
  how.flags = static_cast<unsigned>(flags | O_CLOEXEC);
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  const char* target = path.empty() ? "." : path.c_str();
  return static_cast<int>(syscall(SYS_openat2, root, target, &how, sizeof(how)));
}

bool IsWhiteout(const struct stat& st) { return S_ISCHR(st.st_mode) && st.st_rdev == 0; }

bool IsOpaque(int dir) {
  char value[2];
  return fgetxattr(dir, kOpaque, value, sizeof(value)) == 1 && value[0] == 'y';
}

std::string Capability(int root, const std::string& path) {
  UniqueFd fd(OpenBelow(root, path, O_PATH | O_NOFOLLOW));
  char value[64];
  ssize_t size =
      fd ? getxattr(FdPath(fd.get()).c_str(), "security.capability", value, sizeof(value)) : -1;
  return size > 0 ? std::string(value, size) : std::string();
}

bool SameTime(const timespec& a, const timespec& b) {
  return a.tv_sec == b.tv_sec && (a.tv_nsec == b.tv_nsec || a.tv_nsec == 0 || b.tv_nsec == 0);
}

class Differ {
 public:
  Differ(UniqueFd upper, int lower, std::vector<std::string> ignored, std::vector<Change>* changes)
      : upper_(std::move(upper)),
        lower_(lower),
        ignored_(ignored.begin(), ignored.end()),
        changes_(changes) {}

  Failure Run() {
    bool opaque = IsOpaque(upper_.get());
    return Directory("", opaque ? Below::kOpaque : Below::kMerged);
  }

 private:
  // What is below a directory of the upper: nothing of that name, a directory it merges with, one
  // that it hides but that was there.
  enum class Below { kNothing, kMerged, kOpaque };

  Failure Directory(const std::string& path, Below below) {
    UniqueFd dir(OpenBelow(upper_.get(), path, kOpenDir));
    // It may have gone meanwhile.
    if (!dir) return errno == ENOENT || errno == ENOTDIR ? Failure{} : Fail("openat2", path);
    std::vector<DirEntry> entries;
    if (Failure failure = ListDir(dir.get(), &entries)) return failure;
    dir.reset();
    std::set<std::string> names;
    for (const DirEntry& entry : entries) {
      names.insert(entry.name);
      if (Failure failure = Entry(JoinPath(path, entry.name), below)) return failure;
    }
    return below == Below::kOpaque ? Hidden(path, names) : Failure{};
  }

  // What an opaque directory hides is deleted.
  Failure Hidden(const std::string& path, const std::set<std::string>& names) {
    UniqueFd dir(OpenBelow(lower_, path, kOpenDir));
    if (!dir) return {};
    std::vector<DirEntry> entries;
    if (Failure failure = ListDir(dir.get(), &entries)) return failure;
    for (const DirEntry& entry : entries) {
      if (!names.count(entry.name)) Note(JoinPath(path, entry.name), kDeleted);
    }
    return {};
  }

  Failure Entry(const std::string& path, Below below) {
    struct stat st, old;
    if (!Stat(upper_.get(), path, &st)) return {};
    bool existed = below != Below::kNothing && Stat(lower_, path, &old);
    if (IsWhiteout(st)) {
      if (existed) Note(path, kDeleted);
      return {};
    }
    bool is_dir = S_ISDIR(st.st_mode);
    if (!existed && ignored_.count("/" + path) &&
        (is_dir || st.st_size == 0 || S_ISLNK(st.st_mode))) {
      return is_dir ? Directory(path, Below::kNothing) : Failure{};
    }
    size_t before = changes_->size();
    if (!existed) {
      Note(path, kAdded);
    } else if (Differs(path, st, old)) {
      Note(path, kModified);
    }
    if (!is_dir) return {};
    Below next = Below::kNothing;
    if (existed && S_ISDIR(old.st_mode)) {
      UniqueFd dir(OpenBelow(upper_.get(), path, kOpenDir));
      next = dir && IsOpaque(dir.get()) ? Below::kOpaque : Below::kMerged;
    }
    bool noted = changes_->size() > before;
    if (Failure failure = Directory(path, next)) return failure;
    // A directory with changes in it counts as changed.
    if (!noted && changes_->size() > before) Note(path, kModified);
    return {};
  }

  bool Stat(int root, const std::string& path, struct stat* st) {
    UniqueFd fd(OpenBelow(root, path, O_PATH | O_NOFOLLOW));
    return fd && fstat(fd.get(), st) == 0;
  }

  bool Differs(const std::string& path, const struct stat& st, const struct stat& old) {
    if (st.st_mode != old.st_mode || st.st_uid != old.st_uid || st.st_gid != old.st_gid)
      return true;
    if ((S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode)) && st.st_rdev != old.st_rdev) return true;
    // Times and sizes of directories change with what is in them.
    if (!S_ISDIR(st.st_mode) && (st.st_size != old.st_size || !SameTime(st.st_mtim, old.st_mtim))) {
      return true;
    }
    return S_ISREG(st.st_mode) && Capability(upper_.get(), path) != Capability(lower_, path);
  }

  void Note(const std::string& path, Kind kind) { changes_->push_back({"/" + path, kind}); }

  UniqueFd upper_;
  const int lower_;
  const std::set<std::string> ignored_;
  std::vector<Change>* changes_;
};

struct Comparison {
  UniqueFd lower;
  std::vector<Change> changes;
};

Failure Compare(const std::string& upper, std::vector<std::string> ignored, Comparison* result) {
  if (!result->lower) return Failure{EBADF, "fcntl", {}};
  UniqueFd root(open(upper.c_str(), kOpenDir));
  if (!root) return Fail("open", upper);
  Differ differ(std::move(root), result->lower.get(), std::move(ignored), &result->changes);
  if (Failure failure = differ.Run()) return failure;
  auto before = [](const Change& a, const Change& b) { return a.path < b.path; };
  std::sort(result->changes.begin(), result->changes.end(), before);
  return {};
}

}  // namespace

Napi::Value TreeChanges(const Napi::CallbackInfo& info) {
  auto o = info[0].As<Napi::Object>();
  auto result = std::make_shared<Comparison>();
  result->lower.reset(fcntl(Int(o, "lower"), F_DUPFD_CLOEXEC, 3));
  return RunOnThread(
      info.Env(),
      [upper = Str(o, "upper"), ignored = Strings(o, "ignored"), result] {
        return Compare(upper, ignored, result.get());
      },
      [result](Napi::Env env) -> Napi::Value {
        Napi::Array list = Napi::Array::New(env, result->changes.size());
        for (uint32_t i = 0; i < result->changes.size(); i++) {
          Napi::Object change = Napi::Object::New(env);
          change["path"] = result->changes[i].path;
          change["kind"] = static_cast<int>(result->changes[i].kind);
          list[i] = change;
        }
        return list;
      });
}
