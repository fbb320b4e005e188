import assert from 'node:assert/strict'
import { test } from 'node:test'

import { deviceRules } from '@tdocker/engine/container/plan/devices.ts'
import { loadNative } from '@tdocker/kernel/load-native.ts'
import type { DeviceRule } from '@tdocker/kernel/native.ts'

import { type Fixture, makeGroup } from '../cgroup/group.ts'

const native = loadNative()
const nothing = { devices: [], rules: [] }

/** The group's directory in the cgroup2 hierarchy, where programs are attached. */
function unified(fixture: Fixture): string {
  const files = fixture.driver.procsFiles(fixture.path)
  const file = files.find((name) => name.startsWith('/sys/fs/cgroup/unified/')) ?? files[0]
  return (file ?? '').replace(/\/cgroup.procs$/, '')
}

async function allowed(fixture: Fixture, script: string): Promise<boolean> {
  return (await fixture.run(script).done).code === 0
}

test('a device program enforces the default rules', async (t) => {
  const fixture = await makeGroup(t)
  await native.bpfDeviceAttach({ cgroup: unified(fixture), rules: deviceRules({}, nothing) })
  for (const device of ['null', 'zero', 'full', 'random', 'urandom']) {
    assert.equal(await allowed(fixture, `: < /dev/${device}`), true, device)
  }
  assert.equal(await allowed(fixture, ': < /dev/kmsg'), false)
  assert.equal(await allowed(fixture, ': > /dev/kmsg'), false)
  const make = (kind: string): string =>
    `f=/dev/shm/tdocker-test-$$; mknod $f ${kind} && { (: < $f); r=$?; rm $f; exit $((r == 0)); }`
  assert.equal(await allowed(fixture, make('c 1 11')), true, 'mknod works, opening does not')
  assert.equal(await allowed(fixture, make('b 7 200')), true)
})

test('the last rule that matches decides, access by access', async (t) => {
  const fixture = await makeGroup(t)
  const rules: DeviceRule[] = [
    { allow: true, type: 'a', major: -1, minor: -1, access: 'rwm' },
    { allow: false, type: 'c', major: 1, minor: 3, access: 'w' },
    { allow: false, type: 'c', major: 1, minor: 5, access: 'rwm' },
    { allow: true, type: 'c', major: 1, minor: 5, access: 'r' },
  ]
  await native.bpfDeviceAttach({ cgroup: unified(fixture), rules })
  assert.equal(await allowed(fixture, ': < /dev/null'), true)
  assert.equal(await allowed(fixture, ': > /dev/null'), false)
  assert.equal(await allowed(fixture, ': < /dev/zero'), true)
  assert.equal(await allowed(fixture, ': > /dev/zero'), false)
  assert.equal(await allowed(fixture, ': <> /dev/zero'), false)
  assert.equal(await allowed(fixture, ': <> /dev/full'), true)
})

test('a later program takes the place of the earlier', async (t) => {
  const fixture = await makeGroup(t)
  const cgroup = unified(fixture)
  const all = { type: 'a', major: -1, minor: -1, access: 'rwm' } as const
  await native.bpfDeviceAttach({ cgroup, rules: [{ allow: false, ...all }] })
  assert.equal(await allowed(fixture, ': < /dev/zero'), false)
  await native.bpfDeviceAttach({ cgroup, rules: [{ allow: true, ...all }] })
  assert.equal(await allowed(fixture, ': < /dev/zero'), true)
})

test('a directory that is no cgroup is an error', async () => {
  const attach = native.bpfDeviceAttach({ cgroup: '/dev/shm', rules: [] })
  await assert.rejects(attach, { name: 'KernelError', path: '/dev/shm' })
  await assert.rejects(native.bpfDeviceAttach({ cgroup: '/nonexistent', rules: [] }), {
    code: 'ENOENT',
  })
})
