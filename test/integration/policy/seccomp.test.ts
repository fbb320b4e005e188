import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'

import type { HostConfig } from '@tdocker/api'
import { readHostFacts } from '@tdocker/engine/container/plan/host-facts.ts'
import { SeccompFilters } from '@tdocker/engine/container/plan/seccomp-cache.ts'
import { loadNative } from '@tdocker/kernel/load-native.ts'

import { scratchDir } from '../kernel/scratch.ts'

const native = loadNative()
const filters = new SeccompFilters({ native, host: readHostFacts() })

/** What the probe says under the filter of a container: system call → ok or errno. */
async function probe(t: TestContext, hostConfig: HostConfig): Promise<Record<string, string>> {
  const dir = scratchDir(t, 'seccomp')
  const filter = await filters.forContainer(hostConfig)
  assert.ok(filter)
  writeFileSync(join(dir, 'filter'), filter)
  execFileSync('cc', ['-O1', '-o', join(dir, 'probe'), join(import.meta.dirname, 'probe.c')])
  const output = execFileSync(join(dir, 'probe'), [join(dir, 'filter')], { encoding: 'utf8' })
  return Object.fromEntries(
    output
      .trim()
      .split('\n')
      .map((line) => line.split(' ') as [string, string]),
  )
}

test('the default filter refuses what has been the way out of containers', async (t) => {
  const said = await probe(t, {})
  const refused = [
    'socket-alg',
    'socket-vsock',
    'keyctl',
    'unshare-user',
    'clone-user',
    'setns',
    'mount',
    'fsopen',
    'bpf',
    'perf',
    'io-uring',
    'userfaultfd',
    'kexec',
    'personality-no-random',
  ]
  for (const name of refused) assert.equal(said[name], 'EPERM', name)
  for (const name of ['socket-inet', 'socket-unix', 'personality-query', 'getpid']) {
    assert.equal(said[name], 'ok', name)
  }
  // Families between those that are refused pass: what the kernel then says depends on its modules.
  assert.match(String(said['socket-39']), /^(EAFNOSUPPORT|ESOCKTNOSUPPORT)$/)
  assert.equal(said['mkdir'], 'EEXIST')
  assert.equal(said['clone3'], 'ENOSYS')
  assert.equal(said['newer-than-the-profile'], 'ENOSYS')
})

test('CAP_SYS_ADMIN opens what needs it, and no more', async (t) => {
  const said = await probe(t, { CapAdd: ['SYS_ADMIN'] })
  for (const name of ['unshare-user', 'setns', 'mount', 'fsopen', 'bpf', 'perf', 'clone3']) {
    assert.notEqual(said[name], 'EPERM', name)
    assert.notEqual(said[name], 'ENOSYS', name)
  }
  for (const name of ['keyctl', 'socket-alg', 'io-uring', 'userfaultfd']) {
    assert.equal(said[name], 'EPERM', name)
  }
})

test('a profile of the user decides alone', async (t) => {
  const profile = JSON.stringify({
    defaultAction: 'SCMP_ACT_ALLOW',
    syscalls: [
      { name: 'mkdirat', action: 'SCMP_ACT_ERRNO' },
      {
        names: ['socket'],
        action: 'SCMP_ACT_ERRNO',
        errnoRet: 97,
        args: [{ index: 0, value: 2, op: 'SCMP_CMP_EQ' }],
      },
      { names: ['no_such_call'], action: 'SCMP_ACT_ERRNO' },
    ],
  })
  const said = await probe(t, { SecurityOpt: [`seccomp=${profile}`] })
  assert.equal(said['mkdir'], 'EPERM')
  assert.equal(said['socket-inet'], 'EAFNOSUPPORT')
  assert.equal(said['socket-unix'], 'ok')
  assert.equal(said['newer-than-the-profile'], 'ENOSYS')
})

test('a filter is compiled once', async () => {
  const first = await filters.forContainer({})
  assert.equal(await filters.forContainer({ Memory: 1 }), first)
  assert.equal(await filters.forContainer({ CapAdd: ['CHOWN'] }), first)
  assert.notEqual(await filters.forContainer({ CapAdd: ['SYS_PTRACE'] }), first)
})

test('unconfined and privileged containers have no filter', async () => {
  assert.equal(await filters.forContainer({ SecurityOpt: ['seccomp=unconfined'] }), undefined)
  assert.equal(await filters.forContainer({ Privileged: true }), undefined)
})
