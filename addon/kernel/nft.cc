// libnftables (libnftables(3)), opened at first use, on one thread for the life of the process: a
// context is not thread-safe, and a transaction that deletes waits 8-15 ms for the kernel's RCU.
#include <dlfcn.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>

#include "common/unique_fd.h"
#include "kernel/args.h"
#include "kernel/async.h"
#include "kernel/binding.h"

namespace {

constexpr unsigned kOutputJson = 1 << 4;    // NFT_CTX_OUTPUT_JSON
constexpr unsigned kOutputTerse = 1 << 11;  // NFT_CTX_OUTPUT_TERSE

struct Library {
  void* (*ctx_new)(uint32_t) = nullptr;
  void (*ctx_free)(void*) = nullptr;
  int (*buffer_output)(void*) = nullptr;
  int (*buffer_error)(void*) = nullptr;
  const char* (*get_output)(void*) = nullptr;
  const char* (*get_error)(void*) = nullptr;
  void (*set_flags)(void*, unsigned) = nullptr;
  int (*run)(void*, const char*) = nullptr;

  bool Load() {
    void* handle = dlopen("libnftables.so.1", RTLD_NOW | RTLD_LOCAL);
    if (!handle) return false;
    auto find = [handle](const char* name, auto* function) {
      *function = reinterpret_cast<std::remove_pointer_t<decltype(function)>>(dlsym(handle, name));
      return *function != nullptr;
    };
    return find("nft_ctx_new", &ctx_new) && find("nft_ctx_free", &ctx_free) &&
           find("nft_ctx_buffer_output", &buffer_output) &&
           find("nft_ctx_buffer_error", &buffer_error) &&
           find("nft_ctx_get_output_buffer", &get_output) &&
           find("nft_ctx_get_error_buffer", &get_error) &&
           find("nft_ctx_output_set_flags", &set_flags) && find("nft_run_cmd_from_buffer", &run);
  }
};

// The kernel's answer stands in the text only, e.g. "Could not process rule: No such file …".
int ErrorOf(const std::string& text) {
  for (int error : {ENOENT, EEXIST, EBUSY, EPERM, EOPNOTSUPP, ENOMEM, ENOSPC, EINTR}) {
    if (text.find(strerror(error)) != std::string::npos) return error;
  }
  return EINVAL;
}

class Nft {
 public:
  Nft() = default;
  Nft(const Nft&) = delete;
  Nft& operator=(const Nft&) = delete;
  ~Nft() {
    if (context_) library_.ctx_free(context_);
  }

  Failure Run(const std::string& commands, std::string* output) {
    if (!context_ && !Open()) return Failure{ENOSYS, "dlopen", "libnftables.so.1"};
    int result = library_.run(context_, commands.c_str());
    const char* text = library_.get_output(context_);
    *output = text ? text : "";
    text = library_.get_error(context_);
    std::string error = text ? text : "";
    return result == 0 ? Failure{} : Failure{ErrorOf(error), "nft", error};
  }

 private:
  bool Open() {
    if (!library_.Load()) return false;
    context_ = library_.ctx_new(0);
    if (!context_) return false;
    library_.buffer_output(context_);
    library_.buffer_error(context_);
    library_.set_flags(context_, kOutputJson | kOutputTerse);
    return true;
  }

  Library library_;
  void* context_ = nullptr;
};

constexpr size_t kLargeText = 64 * 1024;

struct Request {
  explicit Request(Napi::Env env) : deferred(Napi::Promise::Deferred::New(env)) {}

  Napi::Promise::Deferred deferred;
  std::string commands, output;
  UniqueFd netns;  // whose rules; none for the daemon's own
  Failure failure;
  napi_threadsafe_function tell = nullptr;
};

class Queue {
 public:
  void Push(Request* request) {
    std::lock_guard lock(mutex_);
    requests_.push_back(request);
    if (!started_) Start();
    wake_.notify_one();
  }

 private:
  void Start() {
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    pthread_t thread;
    started_ = pthread_create(
                   &thread, nullptr,
                   [](void* self) -> void* { static_cast<Queue*>(self)->Serve(); }, this) == 0;
    if (started_) pthread_detach(thread);
    pthread_sigmask(SIG_SETMASK, &old, nullptr);
  }

  [[noreturn]] void Serve() {
    // By this name rule-watch.ts knows transactions of our own: the kernel tells it with each.
    pthread_setname_np(pthread_self(), ("nft-" + std::to_string(getpid())).c_str());
    Nft nft;
    const UniqueFd home(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
    while (true) {
      Request* request = Take();
      request->failure =
          request->netns ? RunIn(request, home) : nft.Run(request->commands, &request->output);
      const bool large = request->commands.size() > kLargeText;
      napi_threadsafe_function tell = request->tell;
      // The request belongs to the event loop from here on.
      napi_call_threadsafe_function(tell, request, napi_tsfn_blocking);
      napi_release_threadsafe_function(tell, napi_tsfn_release);
      // libnftables took a kilobyte for each element; the allocator would keep it.
      if (large) malloc_trim(0);
    }
  }

  // A context speaks to the namespace in which it was made.
  static Failure RunIn(Request* request, const UniqueFd& home) {
    if (!home || setns(request->netns.get(), CLONE_NEWNET) < 0) return Fail("setns");
    Failure failure;
    {
      Nft nft;
      failure = nft.Run(request->commands, &request->output);
    }
    if (setns(home.get(), CLONE_NEWNET) < 0) abort();
    return failure;
  }

  Request* Take() {
    std::unique_lock lock(mutex_);
    wake_.wait(lock, [this] { return !requests_.empty(); });
    Request* request = requests_.front();
    requests_.pop_front();
    return request;
  }

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Request*> requests_;
  bool started_ = false;
};

// Never destroyed: its thread may outlive main().
Queue& TheQueue() {
  static Queue* queue = new Queue;
  return *queue;
}

void Settle(napi_env raw_env, napi_value, void*, void* data) {
  // Without an environment nobody is left to be told.
  if (!raw_env) return;
  Napi::Env env(raw_env);
  Napi::HandleScope scope(env);
  std::unique_ptr<Request> request(static_cast<Request*>(data));
  if (request->failure) {
    request->deferred.Reject(MakeError(env, request->failure).Value());
  } else {
    request->deferred.Resolve(Napi::String::New(env, request->output));
  }
}

Napi::Value RunNft(const Napi::CallbackInfo& info) {
  auto* request = new Request(info.Env());
  Napi::Promise promise = request->deferred.Promise();
  request->commands = info[0].ToString();
  if (info[1].IsNumber()) request->netns.reset(fcntl(IntArg(info, 1), F_DUPFD_CLOEXEC, 0));
  napi_create_threadsafe_function(info.Env(), nullptr, nullptr,
                                  Napi::String::New(info.Env(), "nft"), 0, 1, nullptr, nullptr,
                                  nullptr, Settle, &request->tell);
  TheQueue().Push(request);
  return promise;
}

}  // namespace

void InitNft(Napi::Env env, Napi::Object exports) {
  exports.Set("nft", Napi::Function::New(env, RunNft, "nft"));
}
