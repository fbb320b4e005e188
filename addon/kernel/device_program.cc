#include "kernel/device_program.h"

#include <fcntl.h>
#include <linux/bpf.h>
#include <stddef.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/unique_fd.h"

namespace {

constexpr char kProgramName[] = "tdocker_device";

int Bpf(bpf_cmd command, bpf_attr* attr) { return syscall(SYS_bpf, command, attr, sizeof(*attr)); }

bpf_insn Insn(uint8_t code, uint8_t dst, uint8_t src, int16_t off, int32_t imm) {
  bpf_insn insn = {};
  insn.code = code;
  insn.dst_reg = dst;
  insn.src_reg = src;
  insn.off = off;
  insn.imm = imm;
  return insn;
}

bpf_insn LoadField(uint8_t dst, size_t offset) {
  return Insn(BPF_LDX | BPF_MEM | BPF_W, dst, BPF_REG_1, offset, 0);
}
bpf_insn Operate(uint8_t operation, uint8_t dst, int32_t value) {
  return Insn(BPF_ALU | operation | BPF_K, dst, 0, 0, value);
}
bpf_insn Copy(uint8_t dst, uint8_t src) { return Insn(BPF_ALU | BPF_MOV | BPF_X, dst, src, 0, 0); }

constexpr uint8_t kType = BPF_REG_2, kAccess = BPF_REG_3, kMajor = BPF_REG_4, kMinor = BPF_REG_5,
                  kScratch = BPF_REG_6;

// struct bpf_cgroup_dev_ctx: the access is in the upper half of the first word, the type below.
std::vector<bpf_insn> ReadContext() {
  return {
      LoadField(kType, offsetof(bpf_cgroup_dev_ctx, access_type)),
      Copy(kAccess, kType),
      Operate(BPF_AND, kType, 0xffff),
      Operate(BPF_RSH, kAccess, 16),
      LoadField(kMajor, offsetof(bpf_cgroup_dev_ctx, major)),
      LoadField(kMinor, offsetof(bpf_cgroup_dev_ctx, minor)),
  };
}

int AccessBits(const DeviceRule& rule) {
  return (rule.mknod ? BPF_DEVCG_ACC_MKNOD : 0) | (rule.read ? BPF_DEVCG_ACC_READ : 0) |
         (rule.write ? BPF_DEVCG_ACC_WRITE : 0);
}

constexpr int kAllAccess = BPF_DEVCG_ACC_MKNOD | BPF_DEVCG_ACC_READ | BPF_DEVCG_ACC_WRITE;

// Matches every request: what would follow cannot be reached, and the verifier refuses that.
bool MatchesAll(const DeviceRule& rule) {
  return rule.type == 'a' && rule.major < 0 && rule.minor < 0 && AccessBits(rule) == kAllAccess;
}

void AppendRule(const DeviceRule& rule, std::vector<bpf_insn>* code) {
  std::vector<bpf_insn> block;
  std::vector<size_t> misses;
  // On any difference on to the next rule; the distance is filled in below.
  auto miss_unless = [&](uint8_t test, uint8_t reg, int32_t value) {
    misses.push_back(block.size());
    block.push_back(Insn(BPF_JMP32 | test | BPF_K, reg, 0, 0, value));
  };
  if (rule.type != 'a') {
    miss_unless(BPF_JNE, kType, rule.type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR);
  }
  if (AccessBits(rule) != kAllAccess) {
    block.push_back(Copy(kScratch, kAccess));
    if (rule.allow) {
      // All that is asked for must be allowed.
      block.push_back(Operate(BPF_AND, kScratch, kAllAccess & ~AccessBits(rule)));
      miss_unless(BPF_JNE, kScratch, 0);
    } else {
      // Anything of it that is denied is enough.
      block.push_back(Operate(BPF_AND, kScratch, AccessBits(rule)));
      miss_unless(BPF_JEQ, kScratch, 0);
    }
  }
  if (rule.major >= 0) miss_unless(BPF_JNE, kMajor, static_cast<int32_t>(rule.major));
  if (rule.minor >= 0) miss_unless(BPF_JNE, kMinor, static_cast<int32_t>(rule.minor));
  block.push_back(Operate(BPF_MOV, BPF_REG_0, rule.allow ? 1 : 0));
  block.push_back(Insn(BPF_JMP | BPF_EXIT, 0, 0, 0, 0));
  for (size_t miss : misses) block[miss].off = block.size() - miss - 1;
  code->insert(code->end(), block.begin(), block.end());
}

std::vector<bpf_insn> BuildProgram(const std::vector<DeviceRule>& rules) {
  std::vector<bpf_insn> code = ReadContext();
  bool complete = false;
  for (auto rule = rules.rbegin(); rule != rules.rend() && !complete; ++rule) {
    AppendRule(*rule, &code);
    complete = MatchesAll(*rule);
  }
  if (!complete) AppendRule(DeviceRule{false, 'a', -1, -1, true, true, true}, &code);
  return code;
}

Failure LoadProgram(const std::vector<DeviceRule>& rules, UniqueFd* program) {
  std::vector<bpf_insn> code = BuildProgram(rules);
  bpf_attr attr = {};
  attr.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
  attr.insns = reinterpret_cast<uint64_t>(code.data());
  attr.insn_cnt = code.size();
  attr.license = reinterpret_cast<uint64_t>("Apache-2.0");
  memcpy(attr.prog_name, kProgramName, sizeof(kProgramName));
  program->reset(Bpf(BPF_PROG_LOAD, &attr));
  return *program ? Failure{} : Fail("bpf(PROG_LOAD)");
}

bool IsOurs(int program) {
  bpf_prog_info info = {};
  bpf_attr attr = {};
  attr.info.bpf_fd = program;
  attr.info.info_len = sizeof(info);
  attr.info.info = reinterpret_cast<uint64_t>(&info);
  return Bpf(BPF_OBJ_GET_INFO_BY_FD, &attr) == 0 && strcmp(info.name, kProgramName) == 0;
}

// The earlier program of ours on this directory, if there is one. Others (systemd's) stay.
UniqueFd FindAttached(int cgroup) {
  uint32_t ids[64];
  bpf_attr attr = {};
  attr.query.target_fd = cgroup;
  attr.query.attach_type = BPF_CGROUP_DEVICE;
  attr.query.prog_ids = reinterpret_cast<uint64_t>(ids);
  attr.query.prog_cnt = sizeof(ids) / sizeof(ids[0]);
  if (Bpf(BPF_PROG_QUERY, &attr) < 0) return {};
  for (uint32_t i = 0; i < attr.query.prog_cnt; i++) {
    bpf_attr get = {};
    get.prog_id = ids[i];
    UniqueFd program(Bpf(BPF_PROG_GET_FD_BY_ID, &get));
    if (program && IsOurs(program.get())) return program;
  }
  return {};
}

}  // namespace

Failure AttachDeviceProgram(const std::string& cgroup, const std::vector<DeviceRule>& rules) {
  UniqueFd directory(open(cgroup.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory) return Fail("open", cgroup);
  UniqueFd program;
  if (Failure failure = LoadProgram(rules, &program)) return failure;
  UniqueFd earlier = FindAttached(directory.get());
  bpf_attr attr = {};
  attr.target_fd = directory.get();
  attr.attach_bpf_fd = program.get();
  attr.attach_type = BPF_CGROUP_DEVICE;
  attr.attach_flags = BPF_F_ALLOW_MULTI;
  if (earlier) {
    attr.attach_flags |= BPF_F_REPLACE;
    attr.replace_bpf_fd = earlier.get();
  }
  return Bpf(BPF_PROG_ATTACH, &attr) < 0 ? Fail("bpf(PROG_ATTACH)", cgroup) : Failure{};
}
