import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defaultCapabilities } from './capabilities.ts'
import { defaultSeccompProfile } from './seccomp-default.ts'
import {
  type ResolvedSeccomp,
  type SeccompProfile,
  kernelAtLeast,
  resolveSeccomp,
} from './seccomp-profile.ts'

const target = {
  capabilities: defaultCapabilities,
  machine: 'x86_64',
  kernelVersion: '6.1.0-13-amd64',
}

function allowed(resolved: ResolvedSeccomp, name: string): boolean {
  return resolved.rules.some(
    (rule) => rule.names.includes(name) && rule.action === 'SCMP_ACT_ALLOW',
  )
}

test('the default profile has the shape of Docker’s', () => {
  assert.equal(defaultSeccompProfile.syscalls.length, 33)
  assert.equal(defaultSeccompProfile.syscalls[0]?.names.length, 361)
  assert.equal(defaultSeccompProfile.archMap?.length, 9)
  const names = new Set(defaultSeccompProfile.syscalls.flatMap((rule) => rule.names))
  assert.equal(names.size, 426)
  for (const name of ['io_uring_setup', 'userfaultfd', 'keyctl', 'add_key', 'kexec_load']) {
    assert.ok(!names.has(name), name)
  }
})

test('a default container on x86_64', () => {
  const resolved = resolveSeccomp(defaultSeccompProfile, target)
  assert.equal(resolved.defaultAction, 'SCMP_ACT_ERRNO')
  assert.equal(resolved.defaultErrno, 1)
  assert.deepEqual(resolved.architectures, ['x86_64', 'x86', 'x32'])
  for (const name of ['openat', 'ptrace', 'chroot', 'arch_prctl', 'clone']) {
    assert.ok(allowed(resolved, name), name)
  }
  for (const name of ['mount', 'bpf', 'unshare', 'setns', 'reboot', 'clone3', 'swapcontext']) {
    assert.ok(!allowed(resolved, name), name)
  }
  const clone3 = resolved.rules.find((rule) => rule.names.includes('clone3'))
  assert.deepEqual(clone3, { names: ['clone3'], action: 'SCMP_ACT_ERRNO', errno: 38, args: [] })
})

test('socket families 38 and 40 are out', () => {
  const { rules } = resolveSeccomp(defaultSeccompProfile, target)
  const families = rules.filter((rule) => rule.names.includes('socket')).map((rule) => rule.args)
  const admits = (family: bigint): boolean =>
    families.some(([arg]) => {
      if (arg?.op === 'SCMP_CMP_LT') return family < arg.value
      if (arg?.op === 'SCMP_CMP_GT') return family > arg.value
      return family === arg?.value
    })
  assert.deepEqual([1n, 2n, 10n, 37n, 39n, 41n].map(admits), Array(6).fill(true))
  assert.deepEqual([38n, 40n].map(admits), [false, false])
})

test('capabilities open what needs them', () => {
  const capabilities = [...defaultCapabilities, 'SYS_ADMIN']
  const resolved = resolveSeccomp(defaultSeccompProfile, { ...target, capabilities })
  for (const name of ['mount', 'bpf', 'clone3', 'unshare']) assert.ok(allowed(resolved, name), name)
  assert.ok(resolved.rules.every((rule) => rule.names[0] !== 'clone' || rule.args.length === 0))
})

test('conditions on architecture and kernel', () => {
  const arm = resolveSeccomp(defaultSeccompProfile, { ...target, machine: 'aarch64' })
  assert.deepEqual(arm.architectures, ['aarch64', 'arm'])
  assert.ok(allowed(arm, 'cacheflush') && !allowed(arm, 'arch_prctl'))
  const old = resolveSeccomp(defaultSeccompProfile, { ...target, kernelVersion: '4.7.9' })
  assert.ok(!allowed(old, 'ptrace'))
  const excluded: SeccompProfile = {
    defaultAction: 'SCMP_ACT_ALLOW',
    syscalls: [
      { names: ['a'], action: 'SCMP_ACT_ERRNO', excludes: { minKernel: '5.0' } },
      { names: ['b'], action: 'SCMP_ACT_ERRNO', excludes: { arches: ['amd64'] } },
      { names: ['c'], action: 'SCMP_ACT_ERRNO', includes: { caps: ['CAP_KILL', 'CAP_BPF'] } },
      { names: ['d'], action: 'SCMP_ACT_ERRNO', includes: { caps: [], arches: [] } },
    ],
  }
  assert.deepEqual(
    resolveSeccomp(excluded, target).rules.map((rule) => rule.names[0]),
    ['d'],
  )
})

test('several comparisons of one argument are alternatives', () => {
  const arg = (index: number, value: bigint) => ({ index, op: 'SCMP_CMP_EQ', value })
  const profile: SeccompProfile = {
    defaultAction: 'SCMP_ACT_ERRNO',
    architectures: ['SCMP_ARCH_X86_64'],
    syscalls: [
      { names: ['x'], action: 'SCMP_ACT_ALLOW', args: [arg(0, 1n), arg(0, 2n)] },
      { names: ['y'], action: 'SCMP_ACT_ALLOW', args: [arg(0, 1n), arg(1, 2n)] },
    ],
  }
  const resolved = resolveSeccomp(profile, target)
  assert.deepEqual(
    resolved.rules.map((rule) => rule.args.length),
    [1, 1, 2],
  )
  assert.deepEqual(resolved.architectures, ['x86_64'])
})

test('kernel versions compare as numbers', () => {
  assert.ok(kernelAtLeast('6.18.44-fc', '4.8'))
  assert.ok(kernelAtLeast('4.10.0', '4.8'))
  assert.ok(kernelAtLeast('4.8-rc1', '4.8'))
  assert.ok(!kernelAtLeast('4.7.99', '4.8'))
  assert.ok(!kernelAtLeast('3.20', '4.8'))
})
