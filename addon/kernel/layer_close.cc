#include "kernel/layer_close.h"

#include <fcntl.h>
#include <napi.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <map>
#include <memory>

#include "common/unique_fd.h"
#include "kernel/args.h"
#include "kernel/async.h"
#include "kernel/binding.h"
#include "kernel/file_copy.h"
#include "kernel/open_in.h"

namespace {

struct Entry {
  UniqueFd fd;
  struct stat st = {};
};

bool IsWhiteout(const struct stat& st) { return S_ISCHR(st.st_mode) && st.st_rdev == 0; }

bool IsOpaque(int dir) {
  char value = 0;
  ssize_t size = getxattr(FdPath(dir).c_str(), "trusted.overlay.opaque", &value, 1);
  return size == 1 && value == 'y';
}

// The layers below as one tree. Symbolic links are not followed: archives name what they mean.
class LowerTree {
 public:
  Failure Open(const std::vector<std::string>& lowers) {
    for (const std::string& lower : lowers) {
      UniqueFd fd(open(lower.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
      if (!fd) return Fail("open", lower);
      roots_.push_back(std::move(fd));
    }
    return {};
  }

  // Leaves `found` without a descriptor when nothing is there.
  Failure Find(const std::string& path, Entry* found) const {
    std::vector<UniqueFd> dirs;
    for (const UniqueFd& root : roots_) {
      UniqueFd copy(fcntl(root.get(), F_DUPFD_CLOEXEC, 0));
      if (!copy) return Fail("fcntl");
      dirs.push_back(std::move(copy));
    }
    for (const std::string& name : SplitPath(path)) {
      if (name == "..") return Failure{EINVAL, "openat", path};
      std::vector<UniqueFd> next;
      if (Failure failure = Descend(dirs, name, &next, found)) return failure;
      dirs = std::move(next);
      if (!found->fd) return {};
    }
    return {};
  }

 private:
  // `found` becomes the topmost entry, `next` the directories that merge in it.
  static Failure Descend(const std::vector<UniqueFd>& dirs, const std::string& name,
                         std::vector<UniqueFd>* next, Entry* found) {
    found->fd.reset();
    for (const UniqueFd& dir : dirs) {
      UniqueFd fd(openat(dir.get(), name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
      if (!fd && (errno == ENOENT || errno == ENOTDIR)) continue;
      struct stat st;
      if (!fd || fstat(fd.get(), &st) < 0) return Fail("openat", name);
      if (IsWhiteout(st)) return {};
      if (!S_ISDIR(st.st_mode)) {
        // Hidden by a directory above, unless it is the topmost.
        if (!found->fd) *found = {std::move(fd), st};
        return {};
      }
      bool opaque = IsOpaque(fd.get());
      if (!found->fd) *found = {UniqueFd(fcntl(fd.get(), F_DUPFD_CLOEXEC, 0)), st};
      if (!found->fd) return Fail("fcntl");
      next->push_back(std::move(fd));
      if (opaque) return {};
    }
    return {};
  }

  std::vector<UniqueFd> roots_;
};

class Closer {
 public:
  Closer(UniqueFd layer, LowerTree lowers) : layer_(std::move(layer)), lowers_(std::move(lowers)) {}

  Failure Dir(const std::string& path) {
    if (IsHidden(path)) return {};
    Entry below;
    if (Failure failure = lowers_.Find(path, &below)) return failure;
    if (!below.fd || !S_ISDIR(below.st.st_mode)) return {};
    UniqueFd from(Reopen(below.fd.get(), O_RDONLY | O_DIRECTORY));
    if (!from) return Fail("open", path);
    UniqueFd to(OpenIn(layer_.get(), path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
    if (!to) return Fail("openat2", path);
    Failure failure = CopyMetadata(from.get(), to.get(), below.st);
    if (failure && failure.path.empty()) failure.path = path;
    return failure;
  }

  // ENOENT, and nothing done, when the target is not there (yet).
  Failure Link(const std::string& path, const std::string& target) {
    size_t slash = path.rfind('/');
    std::string parent = slash == std::string::npos ? "" : path.substr(0, slash);
    std::string name = slash == std::string::npos ? path : path.substr(slash + 1);
    UniqueFd dir(OpenIn(layer_.get(), parent, O_RDONLY | O_DIRECTORY));
    if (!dir) return Fail("openat2", parent);
    UniqueFd there(OpenIn(layer_.get(), target, O_PATH | O_NOFOLLOW));
    struct stat st;
    if (there && fstat(there.get(), &st) < 0) return Fail("fstat", target);
    // What is deleted here is not there, whatever lies below.
    if (there && IsWhiteout(st)) return Failure{ENOENT, "linkat", target};
    if (there) return LinkFd(there.get(), dir.get(), name) < 0 ? Fail("linkat", path) : Failure{};
    if (IsHidden(target)) return Failure{ENOENT, "linkat", target};
    Entry below;
    if (Failure failure = lowers_.Find(target, &below)) return failure;
    if (!below.fd) return Failure{ENOENT, "linkat", target};
    if (!S_ISREG(below.st.st_mode)) return Special(below, dir.get(), name, path);
    // The same file may have many names below: it is copied once.
    auto copy = copies_.find({below.st.st_dev, below.st.st_ino});
    if (copy != copies_.end()) {
      UniqueFd own(OpenIn(layer_.get(), copy->second, O_PATH | O_NOFOLLOW));
      if (!own) return Fail("openat2", copy->second);
      return LinkFd(own.get(), dir.get(), name) < 0 ? Fail("linkat", path) : Failure{};
    }
    UniqueFd from(Reopen(below.fd.get(), O_RDONLY | O_NONBLOCK | O_NOCTTY));
    if (!from) return Fail("open", target);
    Failure failure = CopyFile(from.get(), dir.get(), name);
    if (failure && failure.path.empty()) failure.path = path;
    if (!failure) copies_[{below.st.st_dev, below.st.st_ino}] = path;
    return failure;
  }

 private:
  // The layer itself hides what is below an opaque directory of its own, or below what is none.
  bool IsHidden(const std::string& path) {
    std::string parent;
    for (const std::string& name : SplitPath(path)) {
      UniqueFd dir(OpenIn(layer_.get(), parent, O_PATH | O_NOFOLLOW));
      struct stat st;
      if (dir && (fstat(dir.get(), &st) < 0 || !S_ISDIR(st.st_mode) || IsOpaque(dir.get()))) {
        return true;
      }
      parent = JoinPath(parent, name);
    }
    return false;
  }

  // Hard links to symbolic links and devices are rare but lawful.
  Failure Special(const Entry& below, int dir, const std::string& name, const std::string& path) {
    if (S_ISDIR(below.st.st_mode)) return Failure{EPERM, "linkat", path};
    if (S_ISLNK(below.st.st_mode)) {
      std::string target(4096, '\0');
      ssize_t length = readlinkat(below.fd.get(), "", target.data(), target.size());
      if (length < 0) return Fail("readlinkat", path);
      target.resize(length);
      if (symlinkat(target.c_str(), dir, name.c_str()) < 0) return Fail("symlinkat", path);
    } else if (mknodat(dir, name.c_str(), below.st.st_mode, below.st.st_rdev) < 0) {
      return Fail("mknodat", path);
    }
    if (fchownat(dir, name.c_str(), below.st.st_uid, below.st.st_gid, AT_SYMLINK_NOFOLLOW) < 0) {
      return Fail("fchownat", path);
    }
    timespec times[2] = {below.st.st_atim, below.st.st_mtim};
    if (utimensat(dir, name.c_str(), times, AT_SYMLINK_NOFOLLOW) < 0) {
      return Fail("utimensat", path);
    }
    return {};
  }

  UniqueFd layer_;
  LowerTree lowers_;
  // File of a lower layer, and where its copy lies in this one.
  std::map<std::pair<dev_t, ino_t>, std::string> copies_;
};

// A link may point to another open link of the same layer: that one is made first. Each is looked
// at once, however they are chained.
Failure CloseLinks(Closer* closer, const std::vector<std::pair<std::string, std::string>>& links) {
  std::map<std::string, std::string> open(links.begin(), links.end());
  while (!open.empty()) {
    std::vector<decltype(open)::node_type> chain;
    for (auto next = open.begin(); next != open.end(); next = open.find(chain.back().mapped())) {
      chain.push_back(open.extract(next));
    }
    for (; !chain.empty(); chain.pop_back()) {
      auto& link = chain.back();
      if (Failure failure = closer->Link(link.key(), link.mapped())) return failure;
    }
  }
  return {};
}

Napi::Value LayerClose(const Napi::CallbackInfo& info) {
  auto o = info[0].As<Napi::Object>();
  auto ends = std::make_shared<LayerOpenEnds>();
  auto dirs = o.Get("implicitDirs").As<Napi::Array>();
  for (uint32_t i = 0; i < dirs.Length(); i++) ends->implicit_dirs.push_back(BytesOf(dirs.Get(i)));
  auto links = o.Get("openLinks").As<Napi::Array>();
  for (uint32_t i = 0; i < links.Length(); i++) {
    auto link = links.Get(i).As<Napi::Array>();
    ends->links.emplace_back(BytesOf(link.Get(0u)), BytesOf(link.Get(1u)));
  }
  return RunOnThread(info.Env(), [dir = Str(o, "dir"), lowers = Strings(o, "lowers"), ends] {
    return CloseLayer(dir, lowers, *ends);
  });
}

}  // namespace

Failure CloseLayer(const std::string& dir, const std::vector<std::string>& lowers,
                   const LayerOpenEnds& ends) {
  UniqueFd layer(open(dir.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!layer) return Fail("open", dir);
  LowerTree tree;
  if (Failure failure = tree.Open(lowers)) return failure;
  Closer closer(std::move(layer), std::move(tree));
  if (Failure failure = CloseLinks(&closer, ends.links)) return failure;
  // After the links, which change the times of the directories they are made in.
  for (const std::string& path : ends.implicit_dirs) {
    if (Failure failure = closer.Dir(path)) return failure;
  }
  return {};
}

void InitLayerClose(Napi::Env env, Napi::Object exports) {
  exports["layerClose"] = Napi::Function::New<LayerClose>(env);
}
