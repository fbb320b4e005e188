#pragma once
#include <napi.h>
#include <uv.h>

#include <functional>
#include <memory>

#include "common/errno_result.h"

// Waits on the event loop until a descriptor is readable or hangs up, once.
//
// Polls a duplicate: libuv takes only one watcher per descriptor number, and the caller may close
// his own at any time. The handle is unref'd, so a wait does not keep the daemon alive.
class FdWatch : public std::enable_shared_from_this<FdWatch> {
 public:
  using Settled = std::function<void(Napi::Env, bool readable)>;

  // Answers null with `failure` set where the descriptor cannot be polled (EPERM for plain files).
  static std::shared_ptr<FdWatch> Start(Napi::Env env, int fd, Settled settled, Failure* failure);
  // Settles with false; nothing when already settled.
  void Cancel();
  int fd() const { return fd_; }
  // From here on nothing of this thread's environment is settled: no JavaScript can run any more.
  static void BeginExit() { exiting_ = true; }

 private:
  explicit FdWatch(Napi::Env env) : env_(env) {}
  void Settle(bool readable);
  void Close();
  static void Abandon(void* data);

  static thread_local bool exiting_;
  Napi::Env env_;
  uv_poll_t handle_{};
  int fd_ = -1;
  Settled settled_;
  // Keeps the object alive while libuv knows the handle.
  std::shared_ptr<FdWatch> self_;
};
