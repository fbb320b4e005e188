#pragma once
#include <napi.h>
#include <sys/stat.h>

#include <string>

#include "common/errno_result.h"

Napi::Value MountClone(const Napi::CallbackInfo& info);
Napi::Value PrivateFile(const Napi::CallbackInfo& info);
Napi::Value PrivateSocket(const Napi::CallbackInfo& info);
Napi::Value OverlayOpen(const Napi::CallbackInfo& info);
Napi::Value VolumeMount(const Napi::CallbackInfo& info);
Napi::Value VolumeTree(const Napi::CallbackInfo& info);
Napi::Value ProjectOf(const Napi::CallbackInfo& info);
Napi::Value ProjectQuota(const Napi::CallbackInfo& info);

// A FileStat; `link` is told of symbolic links.
Napi::Value StatObject(Napi::Env env, const struct stat& st, const std::string& link);

struct NewDir {
  mode_t mode;
  // Negative: the daemon's.
  int64_t uid, gid;
};

// mkdir -p inside `root`. On a throw-away thread: takes a umask of its own.
Failure MakePath(int root, const std::string& path, const NewDir& made);
