// Pins what a path leads to inside a tree, so that what was looked at is what is used.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <deque>

#include "common/unique_fd.h"
#include "kernel/archive.h"
#include "kernel/args.h"
#include "kernel/async.h"
#include "kernel/open_in.h"
#include "kernel/rootfs.h"

namespace {

constexpr int kMaxLinks = 255;

struct Pinned {
  UniqueFd fd;
  struct stat st;
  std::string link;
};

Failure ReadLink(int fd, std::string* target) {
  char buffer[4096];
  ssize_t length = readlinkat(fd, "", buffer, sizeof(buffer));
  if (length < 0) return Fail("readlinkat");
  target->assign(buffer, length);
  return {};
}

Failure Pin(int root, const std::string& path, bool follow, Pinned* result) {
  result->fd.reset(OpenIn(root, path, O_PATH | (follow ? 0 : O_NOFOLLOW)));
  if (!result->fd) return Fail("lstat", path);
  if (fstat(result->fd.get(), &result->st) < 0) return Fail("fstat", path);
  return S_ISLNK(result->st.st_mode) ? ReadLink(result->fd.get(), &result->link) : Failure{};
}

// As far as there is something; the rest stays as it is written.
Failure Resolve(int root, const std::string& path, std::string* result) {
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
    resolved.push_back(name);
    std::string joined;
    for (const std::string& part : resolved) joined = JoinPath(joined, part);
    UniqueFd fd(OpenIn(root, joined, O_PATH | O_NOFOLLOW));
    struct stat st;
    if (!fd || fstat(fd.get(), &st) < 0 || !S_ISLNK(st.st_mode)) continue;
    if (++links > kMaxLinks) return Failure{ELOOP, "readlink", path};
    std::string target;
    if (Failure failure = ReadLink(fd.get(), &target)) return failure;
    resolved.pop_back();
    if (target.starts_with('/')) resolved.clear();
    auto more = SplitPath(target);
    pending.insert(pending.begin(), more.begin(), more.end());
  }
  result->clear();
  for (const std::string& part : resolved) *result += "/" + part;
  if (result->empty()) *result = "/";
  return {};
}

}  // namespace

Napi::Value PathOpen(const Napi::CallbackInfo& info) {
  auto o = info[0].As<Napi::Object>();
  auto pinned = std::make_shared<Pinned>();
  return RunOnThread(
      info.Env(),
      [root = Int(o, "root"), path = Str(o, "path"), follow = Bool(o, "follow"), pinned] {
        return Pin(root, path, follow, pinned.get());
      },
      [pinned](Napi::Env env) -> Napi::Value {
        Napi::Object result = Napi::Object::New(env);
        result["stat"] = StatObject(env, pinned->st, pinned->link);
        result["fd"] = pinned->fd.release();
        return result;
      });
}

Napi::Value ResolveIn(const Napi::CallbackInfo& info) {
  auto o = info[0].As<Napi::Object>();
  auto result = std::make_shared<std::string>();
  return RunOnThread(
      info.Env(),
      [root = Int(o, "root"), path = Str(o, "path"), result] {
        return Resolve(root, path, result.get());
      },
      [result](Napi::Env env) -> Napi::Value { return Napi::String::New(env, *result); });
}
