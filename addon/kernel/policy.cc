// Confinement: seccomp filters, device programs, out-of-memory notices.
#include <fcntl.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/unique_fd.h"
#include "kernel/args.h"
#include "kernel/async.h"
#include "kernel/binding.h"
#include "kernel/device_program.h"
#include "kernel/seccomp_compile.h"

namespace {

// ---- seccompCompile ----

uint64_t Uint64(const Napi::Object& o, const char* key) {
  Napi::Value value = o.Get(key);
  bool lossless;
  return value.IsBigInt() ? value.As<Napi::BigInt>().Uint64Value(&lossless) : 0;
}

SeccompRule ReadRule(const Napi::Object& o) {
  SeccompRule rule{Strings(o, "names"), Str(o, "action"), Int(o, "errno", EPERM), {}};
  auto args = o.Get("args").As<Napi::Array>();
  for (uint32_t i = 0; i < args.Length(); i++) {
    auto arg = args.Get(i).As<Napi::Object>();
    rule.args.push_back({static_cast<unsigned>(Int(arg, "index")), Str(arg, "op"),
                         Uint64(arg, "value"), Uint64(arg, "valueTwo")});
  }
  return rule;
}

Napi::Value SeccompCompile(const Napi::CallbackInfo& info) {
  struct State {
    SeccompPolicy policy;
    std::string bpf;
  };
  auto state = std::make_shared<State>();
  auto o = info[0].As<Napi::Object>();
  SeccompPolicy& policy = state->policy;
  policy.default_action = Str(o, "defaultAction");
  policy.default_error = Int(o, "defaultErrno", EPERM);
  policy.architectures = Strings(o, "architectures");
  auto rules = o.Get("rules").As<Napi::Array>();
  for (uint32_t i = 0; i < rules.Length(); i++) {
    policy.rules.push_back(ReadRule(rules.Get(i).As<Napi::Object>()));
  }
  return RunAsync(
      info.Env(), [state] { return CompileSeccomp(state->policy, &state->bpf); },
      [state](Napi::Env env) {
        return Napi::Buffer<char>::Copy(env, state->bpf.data(), state->bpf.size());
      });
}

// ---- bpfDeviceAttach ----

Napi::Value BpfDeviceAttach(const Napi::CallbackInfo& info) {
  auto o = info[0].As<Napi::Object>();
  std::string cgroup = Str(o, "cgroup");
  std::vector<DeviceRule> rules;
  auto list = o.Get("rules").As<Napi::Array>();
  for (uint32_t i = 0; i < list.Length(); i++) {
    auto item = list.Get(i).As<Napi::Object>();
    std::string access = Str(item, "access");
    auto has = [&](char kind) { return access.find(kind) != std::string::npos; };
    rules.push_back({Bool(item, "allow"), Str(item, "type")[0], Int64(item, "major"),
                     Int64(item, "minor"), has('r'), has('w'), has('m')});
  }
  return RunAsync(info.Env(), [cgroup, rules] { return AttachDeviceProgram(cgroup, rules); });
}

// ---- oomEventFd ----

// cgroup-v1/memory.rst, section 10: "<eventfd> <fd of memory.oom_control>" to cgroup.event_control.
Failure OpenOomEvent(const std::string& cgroup, UniqueFd* event) {
  event->reset(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!*event) return Fail("eventfd");
  std::string control_path = cgroup + "/memory.oom_control";
  UniqueFd control(open(control_path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!control) return Fail("open", control_path);
  std::string register_path = cgroup + "/cgroup.event_control";
  UniqueFd registry(open(register_path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!registry) return Fail("open", register_path);
  std::string line = std::to_string(event->get()) + " " + std::to_string(control.get());
  if (write(registry.get(), line.data(), line.size()) < 0) return Fail("write", register_path);
  return {};
}

Napi::Value OomEventFd(const Napi::CallbackInfo& info) {
  UniqueFd event;
  if (Failure failure = OpenOomEvent(StrArg(info, 0), &event)) return Throw(info.Env(), failure);
  return Napi::Number::New(info.Env(), event.release());
}

}  // namespace

void InitPolicy(Napi::Env env, Napi::Object exports) {
  exports.Set("seccompCompile", Napi::Function::New(env, SeccompCompile));
  exports.Set("bpfDeviceAttach", Napi::Function::New(env, BpfDeviceAttach));
  exports.Set("oomEventFd", Napi::Function::New(env, OomEventFd));
}
