#include "kernel/seccomp_compile.h"

#include <dlfcn.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <mutex>

#include "common/unique_fd.h"

namespace {

// What is needed of libseccomp's stable C interface, seccomp.h(3). It is opened at first use, so
// that a machine without it still runs containers without a filter.
struct ArgCompare {
  unsigned arg;
  int op;
  uint64_t a;
  uint64_t b;
};
constexpr int kAttributeNoNewPrivileges = 3;
constexpr int kAttributeOptimize = 8;
constexpr int kSyscallError = -1;
constexpr uint32_t kX32Bit = 0x40000000;

struct Library {
  void* (*init)(uint32_t);
  void (*release)(void*);
  int (*attr_set)(void*, int, uint32_t);
  uint32_t (*arch_resolve_name)(const char*);
  uint32_t (*arch_native)();
  int (*arch_add)(void*, uint32_t);
  int (*resolve_name)(const char*);
  int (*resolve_name_arch)(uint32_t, const char*);
  int (*rule_add_array)(void*, uint32_t, int, unsigned, const ArgCompare*);
  int (*export_bpf)(void*, int);
};

bool OpenLibrary(Library* library) {
  void* handle = dlopen("libseccomp.so.2", RTLD_NOW | RTLD_LOCAL);
  if (!handle) return false;
  bool complete = true;
  auto find = [&](auto* function, const char* name) {
    *function = reinterpret_cast<std::remove_pointer_t<decltype(function)>>(dlsym(handle, name));
    if (!*function) complete = false;
  };
  find(&library->init, "seccomp_init");
  find(&library->release, "seccomp_release");
  find(&library->attr_set, "seccomp_attr_set");
  find(&library->arch_resolve_name, "seccomp_arch_resolve_name");
  find(&library->arch_native, "seccomp_arch_native");
  find(&library->arch_add, "seccomp_arch_add");
  find(&library->resolve_name, "seccomp_syscall_resolve_name");
  find(&library->resolve_name_arch, "seccomp_syscall_resolve_name_arch");
  find(&library->rule_add_array, "seccomp_rule_add_array");
  find(&library->export_bpf, "seccomp_export_bpf");
  return complete;
}

const Library* GetLibrary() {
  static Library library;
  static const bool opened = OpenLibrary(&library);
  return opened ? &library : nullptr;
}

bool ParseAction(const std::string& name, int error, uint32_t* action) {
  static const std::map<std::string, uint32_t> kActions = {
      {"SCMP_ACT_KILL", SECCOMP_RET_KILL_THREAD},
      {"SCMP_ACT_KILL_THREAD", SECCOMP_RET_KILL_THREAD},
      {"SCMP_ACT_KILL_PROCESS", SECCOMP_RET_KILL_PROCESS},
      {"SCMP_ACT_TRAP", SECCOMP_RET_TRAP},
      {"SCMP_ACT_ERRNO", SECCOMP_RET_ERRNO},
      {"SCMP_ACT_TRACE", SECCOMP_RET_TRACE},
      {"SCMP_ACT_ALLOW", SECCOMP_RET_ALLOW},
      {"SCMP_ACT_LOG", SECCOMP_RET_LOG},
  };
  auto found = kActions.find(name);
  if (found == kActions.end()) return false;
  *action = found->second;
  bool takes_error = *action == SECCOMP_RET_ERRNO || *action == SECCOMP_RET_TRACE;
  if (takes_error) *action |= static_cast<uint32_t>(error) & SECCOMP_RET_DATA;
  return true;
}

bool ParseOperator(const std::string& name, int* op) {
  static const std::map<std::string, int> kOperators = {
      {"SCMP_CMP_NE", 1}, {"SCMP_CMP_LT", 2}, {"SCMP_CMP_LE", 3},        {"SCMP_CMP_EQ", 4},
      {"SCMP_CMP_GE", 5}, {"SCMP_CMP_GT", 6}, {"SCMP_CMP_MASKED_EQ", 7},
  };
  auto found = kOperators.find(name);
  if (found == kOperators.end()) return false;
  *op = found->second;
  return true;
}

Failure Invalid(const std::string& what) { return Failure{EINVAL, "seccomp", what}; }

// One compilation; owns libseccomp's context.
class Compiler {
 public:
  Compiler(const Library& library, const SeccompPolicy& policy)
      : library_(library), policy_(policy) {}
  Compiler(const Compiler&) = delete;
  Compiler& operator=(const Compiler&) = delete;
  ~Compiler() {
    if (context_) library_.release(context_);
  }

  Failure Run(std::string* bpf) {
    if (!ParseAction(policy_.default_action, policy_.default_error, &default_action_)) {
      return Invalid(policy_.default_action);
    }
    context_ = library_.init(default_action_);
    if (!context_) return Failure{EINVAL, "seccomp_init", {}};
    // Whether no_new_privs is set is the plan's decision, not the filter's.
    library_.attr_set(context_, kAttributeNoNewPrivileges, 0);
    // A binary tree instead of a list: the kernel loads and walks it in less than half the time.
    library_.attr_set(context_, kAttributeOptimize, 2);
    if (Failure failure = AddArchitectures()) return failure;
    for (const SeccompRule& rule : policy_.rules) {
      if (Failure failure = AddRule(rule)) return failure;
    }
    std::string body;
    if (Failure failure = Export(&body)) return failure;
    *bpf = NoSuchCallPrologue() + body;
    return {};
  }

 private:
  Failure AddArchitectures() {
    architectures_.push_back(library_.arch_native());
    for (const std::string& name : policy_.architectures) {
      uint32_t arch = library_.arch_resolve_name(name.c_str());
      if (arch == 0) return Invalid(name);
      int result = library_.arch_add(context_, arch);
      if (result == -EEXIST) continue;
      if (result < 0) return Failure{-result, "seccomp_arch_add", name};
      architectures_.push_back(arch);
    }
    return {};
  }

  Failure AddRule(const SeccompRule& rule) {
    uint32_t action;
    if (!ParseAction(rule.action, rule.error, &action)) return Invalid(rule.action);
    // libseccomp refuses rules that say what the default says.
    if (action == default_action_) return {};
    std::vector<ArgCompare> compares;
    for (const SeccompArg& arg : rule.args) {
      ArgCompare compare{arg.index, 0, arg.value, arg.value_two};
      if (!ParseOperator(arg.op, &compare.op)) return Invalid(arg.op);
      compares.push_back(compare);
    }
    for (const std::string& name : rule.names) {
      int number = library_.resolve_name(name.c_str());
      if (number == kSyscallError) continue;
      int result =
          library_.rule_add_array(context_, action, number, compares.size(), compares.data());
      // EEXIST: an unconditional rule has said it. EDOM: no architecture of the filter has it.
      if (result < 0 && result != -EEXIST && result != -EDOM) {
        return Failure{-result, "seccomp_rule_add", name};
      }
    }
    return {};
  }

  Failure Export(std::string* bpf) {
    UniqueFd fd(memfd_create("seccomp", MFD_CLOEXEC));
    if (!fd) return Fail("memfd_create");
    int result = library_.export_bpf(context_, fd.get());
    if (result < 0) return Failure{-result, "seccomp_export_bpf", {}};
    off_t size = lseek(fd.get(), 0, SEEK_END);
    if (size < 0) return Fail("lseek");
    bpf->resize(size);
    ssize_t got = pread(fd.get(), bpf->data(), size, 0);
    if (got < 0) return Fail("pread");
    return got == size ? Failure{} : Failure{EIO, "pread", {}};
  }

  // System calls that are newer than every one the policy names answer ENOSYS: a C library falls
  // back then, on EPERM it gives up. (The OCI runtimes do the same.)
  std::string NoSuchCallPrologue() const {
    uint32_t kind = default_action_ & SECCOMP_RET_ACTION_FULL;
    bool denies = kind == SECCOMP_RET_ERRNO || kind == SECCOMP_RET_KILL_THREAD ||
                  kind == SECCOMP_RET_KILL_PROCESS || kind == SECCOMP_RET_TRAP;
    if (!denies || default_action_ == (SECCOMP_RET_ERRNO | ENOSYS)) return {};

    std::vector<sock_filter> code = {Load(offsetof(seccomp_data, arch))};
    for (uint32_t arch : architectures_) {
      if (IsX32(arch)) continue;
      int newest = Newest(arch);
      if (newest < 0) continue;
      int newest_x32 = arch == AUDIT_ARCH_X86_64 ? NewestX32() : -1;
      std::vector<sock_filter> check = {Load(offsetof(seccomp_data, nr))};
      if (newest_x32 >= 0) {
        check.push_back(Jump(BPF_JGE, kX32Bit, 1, 0));
        check.push_back(Jump(BPF_JGT, newest, 1, 2));
        check.push_back(Jump(BPF_JGT, newest_x32, 0, 1));
      } else {
        check.push_back(Jump(BPF_JGT, newest, 0, 1));
      }
      check.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS));
      // Past the other architectures, to the filter proper; the distance is known at the end.
      check.push_back(BPF_STMT(BPF_JMP | BPF_JA, 0));
      code.push_back(Jump(BPF_JEQ, arch, 0, check.size()));
      code.insert(code.end(), check.begin(), check.end());
    }
    for (size_t i = 0; i < code.size(); i++) {
      if (code[i].code == (BPF_JMP | BPF_JA)) code[i].k = code.size() - i - 1;
    }
    if (code.size() == 1) return {};
    return std::string(reinterpret_cast<const char*>(code.data()),
                       code.size() * sizeof(sock_filter));
  }

  static sock_filter Load(uint32_t offset) { return BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offset); }

  static sock_filter Jump(uint16_t test, uint32_t k, uint8_t if_true, uint8_t if_false) {
    return sock_filter{static_cast<uint16_t>(BPF_JMP | test | BPF_K), if_true, if_false, k};
  }

  // libseccomp's token of x32: the ABI has no audit number of its own.
  bool IsX32(uint32_t arch) const { return arch == library_.arch_resolve_name("x32"); }

  int NewestX32() const {
    uint32_t x32 = library_.arch_resolve_name("x32");
    bool has = std::find(architectures_.begin(), architectures_.end(), x32) != architectures_.end();
    return has ? Newest(x32) : -1;
  }

  int Newest(uint32_t arch) const {
    int newest = -1;
    for (const SeccompRule& rule : policy_.rules) {
      for (const std::string& name : rule.names) {
        newest = std::max(newest, library_.resolve_name_arch(arch, name.c_str()));
      }
    }
    return newest;
  }

  const Library& library_;
  const SeccompPolicy& policy_;
  void* context_ = nullptr;
  uint32_t default_action_ = 0;
  std::vector<uint32_t> architectures_;
};

}  // namespace

Failure CompileSeccomp(const SeccompPolicy& policy, std::string* bpf) {
  // libseccomp keeps some state of the process's own, so one at a time.
  static std::mutex mutex;
  std::lock_guard<std::mutex> lock(mutex);
  const Library* library = GetLibrary();
  if (!library) return Failure{ENOPKG, "dlopen", "libseccomp.so.2"};
  return Compiler(*library, policy).Run(bpf);
}
