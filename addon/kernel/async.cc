#include "kernel/async.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>

#include <deque>
#include <mutex>
#include <utility>

namespace {

std::string ErrorName(int error) {
  const char* name = strerrorname_np(error);
  return name ? name : "E" + std::to_string(error);
}

// One promise under way: what to do off the loop, what to make of it on the loop.
struct Task {
  Task(Napi::Env env, std::function<Failure()> work, std::function<Napi::Value(Napi::Env)> done)
      : deferred(Napi::Promise::Deferred::New(env)), work(std::move(work)), done(std::move(done)) {}

  Napi::Promise::Deferred deferred;
  std::function<Failure()> work;
  std::function<Napi::Value(Napi::Env)> done;
  Failure failure;
  napi_async_work async_work = nullptr;
  napi_threadsafe_function tell = nullptr;

  void Settle(Napi::Env env) {
    if (failure) return deferred.Reject(MakeError(env, failure).Value());
    Napi::Value value = done ? done(env) : env.Undefined();
    if (env.IsExceptionPending()) return deferred.Reject(env.GetAndClearPendingException().Value());
    deferred.Resolve(value);
  }
};

void SettleTask(Napi::Env env, Task* task) {
  Napi::HandleScope scope(env);
  task->Settle(env);
  delete task;
}

// Throw-away threads under way, and who waits for one: a restart with thousands of containers must
// not end in EAGAIN.
struct Threads {
  std::mutex mutex;
  std::deque<Task*> waiting;
  int running = 0;
};

constexpr int kMaxThreads = 64;

// Never destroyed: threads may outlive the exit handlers.
Threads& AllThreads() {
  static Threads* threads = new Threads;
  return *threads;
}

void RunTask(Task* task);
void StartNext();

void* ThreadMain(void* data) {
  RunTask(static_cast<Task*>(data));
  StartNext();
  return nullptr;
}

void Tell(Task* task) {
  napi_threadsafe_function tell = task->tell;
  // The task belongs to the event loop from here on.
  napi_call_threadsafe_function(tell, task, napi_tsfn_blocking);
  napi_release_threadsafe_function(tell, napi_tsfn_release);
}

void RunTask(Task* task) {
  task->failure = task->work();
  Tell(task);
}

// Whatever the daemon's own limit is: a container makes its trees as deep as paths are long.
constexpr size_t kStack = 8 << 20;

// Signals are for the main thread: a throw-away thread takes none.
int StartDetached(Task* task) {
  sigset_t all, old;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &old);
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  pthread_attr_setstacksize(&attributes, kStack);
  pthread_t thread;
  int error = pthread_create(&thread, &attributes, ThreadMain, task);
  pthread_attr_destroy(&attributes);
  pthread_sigmask(SIG_SETMASK, &old, nullptr);
  return error;
}

// A task that gets no thread waits for one to end; it fails only where there is none to wait for.
void StartOrWait(Task* task) {
  Threads& threads = AllThreads();
  std::lock_guard lock(threads.mutex);
  int error = EAGAIN;
  if (threads.running < kMaxThreads) error = StartDetached(task);
  if (error == 0) {
    threads.running++;
  } else if (threads.running > 0) {
    threads.waiting.push_back(task);
  } else {
    task->failure = Failure{error, "pthread_create", {}};
    Tell(task);
  }
}

// Called by a thread that ends: its place is free.
void StartNext() {
  Threads& threads = AllThreads();
  Task* next = nullptr;
  {
    std::lock_guard lock(threads.mutex);
    threads.running--;
    if (threads.waiting.empty()) return;
    next = threads.waiting.front();
    threads.waiting.pop_front();
  }
  StartOrWait(next);
}

}  // namespace

Napi::Error MakeError(Napi::Env env, const Failure& failure) {
  std::string code = ErrorName(failure.error);
  std::string message = failure.syscall;
  if (!failure.path.empty()) message += " " + failure.path;
  Napi::Error error = Napi::Error::New(env, message + ": " + code);
  Napi::Object object = error.Value();
  object.Set("code", code);
  object.Set("errno", failure.error);
  object.Set("syscall", failure.syscall);
  if (!failure.path.empty()) object.Set("path", failure.path);
  return error;
}

Napi::Value Throw(Napi::Env env, const Failure& failure) {
  MakeError(env, failure).ThrowAsJavaScriptException();
  return env.Undefined();
}

Napi::Promise RunAsync(Napi::Env env, std::function<Failure()> work,
                       std::function<Napi::Value(Napi::Env)> done) {
  Task* task = new Task(env, std::move(work), std::move(done));
  Napi::Promise promise = task->deferred.Promise();
  napi_create_async_work(
      env, nullptr, Napi::String::New(env, "tdocker"),
      [](napi_env, void* data) {
        Task* task = static_cast<Task*>(data);
        task->failure = task->work();
      },
      [](napi_env env, napi_status status, void* data) {
        Task* task = static_cast<Task*>(data);
        napi_delete_async_work(env, task->async_work);
        if (status == napi_cancelled) task->failure = Failure{ECANCELED, "uv_queue_work", {}};
        SettleTask(env, task);
      },
      task, &task->async_work);
  napi_queue_async_work(env, task->async_work);
  return promise;
}

Napi::Promise RunOnThread(Napi::Env env, std::function<Failure()> work,
                          std::function<Napi::Value(Napi::Env)> done) {
  Task* task = new Task(env, std::move(work), std::move(done));
  Napi::Promise promise = task->deferred.Promise();
  napi_create_threadsafe_function(
      env, nullptr, nullptr, Napi::String::New(env, "tdocker"), 0, 1, nullptr, nullptr, nullptr,
      [](napi_env env, napi_value, void*, void* data) {
        // env is null while the environment is torn down: nobody is left to be told.
        if (env) SettleTask(env, static_cast<Task*>(data));
      },
      &task->tell);
  StartOrWait(task);
  return promise;
}
