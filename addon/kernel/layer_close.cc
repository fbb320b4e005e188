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

// A path in the layer and in the layers below, as one walks down. Symbolic links are not followed:
// archives name what they mean. The last place is remembered, so that a chain of directories, each
// in the one before, costs a step for each.
class Walker {
 public:
  Failure Open(const std::string& layer, const std::vector<std::string>& lowers) {
    layer_.reset(open(layer.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!layer_) return Fail("open", layer);
    for (const std::string& lower : lowers) {
      UniqueFd fd(open(lower.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
      if (!fd) return Fail("open", lower);
      roots_.push_back(std::move(fd));
    }
    return ToRoot();
  }

  int layer() const { return layer_.get(); }
  // What the layer itself has there, if anything.
  const UniqueFd& own() const { return own_; }
  // What is there in the layers below and not hidden by the layer: without a descriptor when
  // nothing.
  const Entry& below() const { return below_; }

  Failure Walk(const std::string& path) {
    bool on = !path_.empty() && path.size() > path_.size() && path[path_.size()] == '/' &&
              path.starts_with(path_);
    size_t done = on ? path_.size() + 1 : 0;
    if (!on) {
      if (Failure failure = ToRoot()) return failure;
    }
    for (const std::string& name : SplitPath(path.substr(done))) {
      if (name == "..") return Failure{EINVAL, "openat", path};
      if (Failure failure = Step(name)) return failure;
    }
    return {};
  }

 private:
  static Failure Copy(const UniqueFd& fd, UniqueFd* copy) {
    copy->reset(fcntl(fd.get(), F_DUPFD_CLOEXEC, 0));
    return *copy ? Failure{} : Fail("fcntl");
  }

  Failure ToRoot() {
    path_.clear();
    hidden_ = false;
    below_ = {};
    dirs_.clear();
    for (const UniqueFd& root : roots_) {
      if (Failure failure = Copy(root, &dirs_.emplace_back())) return failure;
    }
    return Copy(layer_, &own_);
  }

  Failure Step(const std::string& name) {
    struct stat st;
    if (own_ && fstat(own_.get(), &st) < 0) return Fail("fstat", path_);
    // The layer itself hides what is below an opaque directory of its own, or below what is none.
    hidden_ |= own_ && (!S_ISDIR(st.st_mode) || IsOpaque(own_.get()));
    if (own_) own_.reset(openat(own_.get(), name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    path_ += (path_.empty() ? "" : "/") + name;
    below_ = {};
    if (hidden_) return {};
    std::vector<UniqueFd> next;
    Failure failure = Descend(name, &next);
    dirs_ = std::move(next);
    return failure;
  }

  // `below_` becomes the topmost entry, `next` the directories that merge in it.
  Failure Descend(const std::string& name, std::vector<UniqueFd>* next) {
    for (const UniqueFd& dir : dirs_) {
      UniqueFd fd(openat(dir.get(), name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
      if (!fd && (errno == ENOENT || errno == ENOTDIR)) continue;
      struct stat st;
      if (!fd || fstat(fd.get(), &st) < 0) return Fail("openat", name);
      if (IsWhiteout(st)) return {};
      if (!S_ISDIR(st.st_mode)) {
        // Hidden by a directory above, unless it is the topmost.
        if (!below_.fd) below_ = {std::move(fd), st};
        return {};
      }
      bool opaque = IsOpaque(fd.get());
      if (!below_.fd) {
        below_.st = st;
        if (Failure failure = Copy(fd, &below_.fd)) return failure;
      }
      next->push_back(std::move(fd));
      if (opaque) return {};
    }
    return {};
  }

  UniqueFd layer_;
  std::vector<UniqueFd> roots_;
  // The place: its path, and the directories of the layers below that merge there.
  std::string path_;
  UniqueFd own_;
  std::vector<UniqueFd> dirs_;
  Entry below_;
  bool hidden_ = false;
};

class Closer {
 public:
  explicit Closer(Walker walker) : walker_(std::move(walker)) {}

  Failure Dir(const std::string& path) {
    if (Failure failure = walker_.Walk(path)) return failure;
    const Entry& below = walker_.below();
    if (!below.fd || !S_ISDIR(below.st.st_mode) || !walker_.own()) return {};
    UniqueFd from(Reopen(below.fd.get(), O_RDONLY | O_DIRECTORY));
    if (!from) return Fail("open", path);
    UniqueFd to(Reopen(walker_.own().get(), O_RDONLY | O_DIRECTORY));
    if (!to) return Fail("open", path);
    Failure failure = CopyMetadata(from.get(), to.get(), below.st);
    if (failure && failure.path.empty()) failure.path = path;
    return failure;
  }

  // ENOENT, and nothing done, when the target is not there (yet).
  Failure Link(const std::string& path, const std::string& target) {
    size_t slash = path.rfind('/');
    std::string parent = slash == std::string::npos ? "" : path.substr(0, slash);
    std::string name = slash == std::string::npos ? path : path.substr(slash + 1);
    UniqueFd dir(OpenIn(walker_.layer(), parent, O_RDONLY | O_DIRECTORY));
    if (!dir) return Fail("openat2", parent);
    UniqueFd there(OpenIn(walker_.layer(), target, O_PATH | O_NOFOLLOW));
    struct stat st;
    if (there && fstat(there.get(), &st) < 0) return Fail("fstat", target);
    // What is deleted here is not there, whatever lies below.
    if (there && IsWhiteout(st)) return Failure{ENOENT, "linkat", target};
    if (there) return LinkFd(there.get(), dir.get(), name) < 0 ? Fail("linkat", path) : Failure{};
    if (Failure failure = walker_.Walk(target)) return failure;
    const Entry& below = walker_.below();
    if (!below.fd) return Failure{ENOENT, "linkat", target};
    if (!S_ISREG(below.st.st_mode)) return Special(below, dir.get(), name, path);
    // The same file may have many names below: it is copied once.
    auto copy = copies_.find({below.st.st_dev, below.st.st_ino});
    if (copy != copies_.end()) {
      UniqueFd own(OpenIn(walker_.layer(), copy->second, O_PATH | O_NOFOLLOW));
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

  Walker walker_;
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
  Walker walker;
  if (Failure failure = walker.Open(dir, lowers)) return failure;
  Closer closer(std::move(walker));
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
