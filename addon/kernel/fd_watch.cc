#include "kernel/fd_watch.h"

#include <fcntl.h>
#include <unistd.h>

#include <utility>

thread_local bool FdWatch::exiting_ = false;

std::shared_ptr<FdWatch> FdWatch::Start(Napi::Env env, int fd, Settled settled, Failure* failure) {
  uv_loop_t* loop = nullptr;
  napi_get_uv_event_loop(env, &loop);
  std::shared_ptr<FdWatch> watch(new FdWatch(env));
  watch->fd_ = fcntl(fd, F_DUPFD_CLOEXEC, 3);
  if (watch->fd_ < 0) {
    *failure = Fail("fcntl");
    return nullptr;
  }
  int error = uv_poll_init(loop, &watch->handle_, watch->fd_);
  if (error) {
    *failure = Failure{-error, "epoll_ctl", {}};
    close(watch->fd_);
    return nullptr;
  }
  watch->self_ = watch;
  watch->settled_ = std::move(settled);
  watch->handle_.data = watch.get();
  uv_unref(reinterpret_cast<uv_handle_t*>(&watch->handle_));
  napi_add_env_cleanup_hook(env, Abandon, watch.get());
  uv_poll_start(&watch->handle_, UV_READABLE | UV_DISCONNECT, [](uv_poll_t* handle, int, int) {
    // Node turns the loop once more to close its handles, when no JavaScript can run.
    if (exiting_) return;
    FdWatch* watch = static_cast<FdWatch*>(handle->data);
    Napi::HandleScope scope(watch->env_);
    // Without a callback scope the promise's reactions would wait for the next turn of the loop.
    Napi::AsyncContext context(watch->env_, "tdocker.waitReadable");
    Napi::CallbackScope callback(watch->env_, context);
    watch->Settle(true);
  });
  return watch;
}

void FdWatch::Cancel() {
  if (!self_) return;
  Napi::HandleScope scope(env_);
  Settle(false);
}

void FdWatch::Settle(bool readable) {
  if (!settled_) return;
  Settled settled = std::exchange(settled_, nullptr);
  napi_remove_env_cleanup_hook(env_, Abandon, this);
  settled(env_, readable);
  Close();
}

// The environment ends: no promise can be settled any more.
void FdWatch::Abandon(void* data) {
  FdWatch* watch = static_cast<FdWatch*>(data);
  watch->settled_ = nullptr;
  watch->Close();
}

void FdWatch::Close() {
  uv_poll_stop(&handle_);
  uv_close(reinterpret_cast<uv_handle_t*>(&handle_), [](uv_handle_t* handle) {
    FdWatch* watch = static_cast<FdWatch*>(handle->data);
    close(watch->fd_);
    watch->self_.reset();
  });
}
