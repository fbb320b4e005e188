import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { HostConfig } from '@tdocker/api'
import { FakeNative } from '@tdocker/kernel/fake-native.ts'
import { ALL_FEATURES } from '@tdocker/kernel/cgroup/testing/features.ts'
import { validateCapabilities } from './capability-set.ts'
import { deviceRules, parseDeviceCgroupRule, resolveDevices } from './devices.ts'
import { validateCgroupnsMode, validateIpcPidModes, validateUtsMode } from './namespaces.ts'
import { testHost } from './plan-fixture.ts'
import { readDaemonProfile, SeccompFilters } from './seccomp-cache.ts'
import { parseSecurityOptions, refuseUnenforced } from './security-options.ts'
import { validatePlatform, validatePlatformMounts } from './validate.ts'

const options = (...SecurityOpt: string[]) => parseSecurityOptions({ SecurityOpt })

test('security options', () => {
  assert.equal(options().noNewPrivileges, false)
  assert.equal(options('no-new-privileges').noNewPrivileges, true)
  assert.equal(options('no-new-privileges:true').noNewPrivileges, true)
  assert.equal(options('no-new-privileges', 'no-new-privileges=false').noNewPrivileges, false)
  assert.equal(options('seccomp=unconfined').seccomp, 'unconfined')
  assert.equal(options('seccomp:unconfined').seccomp, 'unconfined')
  assert.equal(options('seccomp={}').seccomp, '{}')
  assert.equal(options('apparmor=mine', 'label=type:x_t', 'label=disable').apparmor, 'mine')
  assert.deepEqual(options('label=type:x_t', 'disable').label, ['type:x_t', 'disable'])
  assert.equal(parseSecurityOptions({}, { noNewPrivileges: true }).noNewPrivileges, true)
  assert.equal(options('writable-cgroups=false').writableCgroups, false)
})

test('security options that mean nothing', () => {
  for (const [option, message] of [
    ['bogus', 'invalid --security-opt 1: "bogus"'],
    ['bogus=1', 'invalid --security-opt 2: "bogus=1"'],
    ['no-new-privileges=maybe', 'invalid --security-opt 2: "no-new-privileges=maybe"'],
  ] as const) {
    assert.throws(() => options(option), { kind: 'system', message })
  }
})

test('profiles are ignored where the kernel has none, and no empty promise where it has', () => {
  refuseUnenforced(options('apparmor=mine', 'label=type:x_t'), testHost)
  const host = { ...testHost, apparmor: true, selinux: true }
  refuseUnenforced(options('apparmor=mine', 'label=disable'), host)
  assert.throws(() => refuseUnenforced(options('label=type:x_t'), host), /SELinux/)
})

const validateNamespaceModes = (hostConfig: HostConfig): void => {
  validateIpcPidModes(hostConfig)
  validateUtsMode(hostConfig)
  validateCgroupnsMode(hostConfig)
}

test('namespace modes', () => {
  const good: HostConfig[] = [
    {},
    { IpcMode: 'shareable', PidMode: 'host', UTSMode: 'host', CgroupnsMode: 'private' },
    { IpcMode: 'container:a', PidMode: 'container:a', UsernsMode: 'host' },
  ]
  for (const hostConfig of good) validateNamespaceModes(hostConfig)
  const bad: Array<[HostConfig, string]> = [
    [{ IpcMode: 'x' }, 'invalid IPC mode: x'],
    [{ PidMode: 'private' }, 'invalid PID mode: private'],
    [{ UTSMode: 'container:a' }, 'invalid UTS mode: container:a'],
    [{ CgroupnsMode: 'x' }, 'invalid cgroup namespace mode: x'],
  ]
  for (const [hostConfig, message] of bad) {
    assert.throws(() => validateNamespaceModes(hostConfig), { kind: 'invalidParameter', message })
  }
})

test('capabilities are checked with Docker’s words', () => {
  assert.throws(() => validateCapabilities({ CapAdd: ['X'] }, testHost), {
    message: 'invalid CapAdd: unknown capability: "CAP_X"',
  })
  assert.throws(() => validateCapabilities({ CapDrop: ['cap_y'] }, testHost), {
    message: 'invalid CapDrop: unknown capability: "CAP_Y"',
  })
})

test('device cgroup rules', () => {
  assert.deepEqual(parseDeviceCgroupRule('c 10:200 rwm'), {
    allow: true,
    type: 'c',
    major: 10,
    minor: 200,
    access: 'rwm',
  })
  assert.equal(parseDeviceCgroupRule('a *:* rwm').major, -1)
  for (const rule of ['', 'c 1:2', 'd 1:2 r', 'c 1:2 x', 'c -1:2 r', 'c 1:2 rwmr', 'c 1:2 r ']) {
    assert.throws(() => parseDeviceCgroupRule(rule), {
      kind: 'system',
      message: `invalid device cgroup rule format: '${rule}'`,
    })
  }
})

test('the rules of a container: all denied, then what is allowed, the user’s last', () => {
  const rules = deviceRules(
    { DeviceCgroupRules: ['b 8:* r'] },
    { devices: [], rules: [parseDeviceCgroupRule('c 10:229 rw')] },
  )
  assert.deepEqual(rules[0], { allow: false, type: 'a', major: -1, minor: -1, access: 'rwm' })
  assert.ok(rules.slice(1).every((rule) => rule.allow))
  assert.deepEqual(
    rules.slice(-2).map((rule) => `${rule.type} ${rule.major}:${rule.minor} ${rule.access}`),
    ['c 10:229 rw', 'b 8:-1 r'],
  )
  const usable = rules.filter((rule) => rule.access !== 'm' && rule.major === 10)
  assert.equal(usable.length, 1, 'fuse only because it was asked for')
  assert.deepEqual(deviceRules({ Privileged: true }, { devices: [], rules: [] }), [
    { allow: true, type: 'a', major: -1, minor: -1, access: 'rwm' },
  ])
})

test('devices are looked up on the host', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'devices-'))
  t.after(() => rmSync(dir, { recursive: true }))
  symlinkSync('/dev/zero', join(dir, 'link'))
  const Devices = [
    { PathOnHost: '/dev/null', PathInContainer: '/dev/x', CgroupPermissions: 'r' },
    { PathOnHost: join(dir, 'link') },
  ]
  const { devices, rules } = await resolveDevices({ Devices })
  assert.deepEqual(
    devices.map(({ path, type, major, minor }) => [path, type, major, minor]),
    [
      ['/dev/x', 'c', 1, 3],
      [join(dir, 'link'), 'c', 1, 5],
    ],
  )
  assert.deepEqual(
    rules.map((rule) => rule.access),
    ['r', 'rwm'],
  )
})

test('a directory of devices stands for each node in it', async () => {
  const { devices } = await resolveDevices({
    Devices: [{ PathOnHost: '/dev', PathInContainer: '/host-dev' }],
  })
  assert.ok(devices.some(({ path }) => path === '/host-dev/null'))
})

test('privileged: the nodes of the host, without ptys and the console', async () => {
  const { devices, rules } = await resolveDevices({
    Privileged: true,
    Devices: [{ PathOnHost: '/dev/null', PathInContainer: '/dev/null' }],
  })
  assert.deepEqual(rules, [])
  for (const { path, type } of devices) {
    assert.match(path, /^\/dev\//)
    assert.doesNotMatch(path, /^\/dev\/(pts|shm|mqueue|console|null)/)
    assert.notEqual(type, 'p')
  }
})

test('devices that are none', async () => {
  const wanted = (PathOnHost: string) => resolveDevices({ Devices: [{ PathOnHost }] })
  await assert.rejects(wanted('/dev/no-such'), {
    kind: 'system',
    message:
      'error gathering device information while adding custom device "/dev/no-such": no such file or directory',
  })
  await assert.rejects(wanted('/etc/passwd'), /not a device node$/)
})

test('filters: one compilation per profile and capabilities', async () => {
  const fake = new FakeNative()
  const filters = new SeccompFilters({ native: fake.native, host: testHost })
  await filters.warm()
  await filters.forContainer({ Memory: 5 })
  assert.equal(fake.callsOf('seccompCompile').length, 1)
  await filters.forContainer({ CapAdd: ['SYS_ADMIN'] })
  assert.equal(fake.callsOf('seccompCompile').length, 2)
  const profile = 'seccomp={"defaultAction":"SCMP_ACT_ALLOW"}'
  await filters.forContainer({ SecurityOpt: [profile] })
  await filters.forContainer({ SecurityOpt: [profile], Privileged: true })
  await filters.forContainer({ SecurityOpt: [profile], Privileged: true })
  assert.equal(fake.callsOf('seccompCompile').length, 4, 'privileged has other capabilities')
})

test('filters: a profile is read at start; nothing in it is unconfined', async () => {
  const filters = new SeccompFilters({ native: new FakeNative().native, host: testHost })
  assert.equal(await filters.forContainer({ SecurityOpt: ['seccomp={}'] }), undefined)
  for (const hostConfig of [
    { SecurityOpt: ['seccomp=not json'] },
    { SecurityOpt: ['seccomp=builtin'], Privileged: true },
  ])
    await assert.rejects(filters.forContainer(hostConfig), {
      kind: 'system',
      message: /^Decoding seccomp profile failed/,
    })
})

test('filters: a failed compilation is tried again', async () => {
  const fake = new FakeNative()
  const filters = new SeccompFilters({ native: fake.native, host: testHost })
  fake.fail('seccompCompile', 'ENOPKG')
  await assert.rejects(filters.forContainer({}), { code: 'ENOPKG' })
  assert.ok(await filters.forContainer({}))
})

test('filters: the daemon’s own profile, and the way back to Docker’s', async () => {
  const fake = new FakeNative()
  const make = (daemonProfile: string) =>
    new SeccompFilters({ native: fake.native, host: testHost, daemonProfile })
  const custom = make('{"defaultAction":"SCMP_ACT_KILL"}')
  assert.ok(await custom.forContainer({}))
  const [call] = fake.callsOf('seccompCompile')
  assert.equal(call?.[0].defaultAction, 'SCMP_ACT_KILL')
  assert.equal(await custom.forContainer({ Privileged: true }), undefined)
  await assert.rejects(make('no profile').forContainer({}), {
    message: /^Decoding seccomp profile failed/,
  })
  assert.throws(() => readDaemonProfile('/nowhere/profile.json'), {
    message:
      'opening seccomp profile (/nowhere/profile.json) failed: open /nowhere/profile.json: no such file or directory',
  })
  assert.equal(await make('unconfined').forContainer({}), undefined)
  assert.ok(await make('unconfined').forContainer({ SecurityOpt: ['seccomp=builtin'] }))
})

function checkPlatform(...o: Parameters<typeof validatePlatform>): string[] {
  const warnings = validatePlatform(...o)
  validatePlatformMounts(o[1])
  return warnings
}

test('what create refuses', () => {
  const limits = {
    features: ALL_FEATURES,
    cpusAvailable: '0',
    memsAvailable: '0',
    cpus: 1,
  }
  const check = (config: object, hostConfig: HostConfig) => (): unknown =>
    checkPlatform(config, hostConfig, limits)
  assert.deepEqual(check({ Cmd: ['sh'], Env: ['A=1', 'B'] }, { Tmpfs: { '/t': '' } })(), [])
  const wrong: Array<[object, HostConfig, string | RegExp]> = [
    [{ Hostname: 'x'.repeat(65) }, {}, /is too long \(maximum 64 bytes\)/],
    [{}, { ShmSize: -1 }, 'SHM size can not be less than 0'],
    [{}, { OomScoreAdj: 1001 }, 'Invalid value 1001, range for oom score adj is [-1000, 1000]'],
    [{}, { Tmpfs: { '/': '' } }, "invalid specification: destination can't be '/'"],
    [{}, { Tmpfs: { x: '' } }, "invalid mount path: 'x' mount path must be absolute"],
  ]
  for (const [config, hostConfig, message] of wrong) {
    assert.throws(check(config, hostConfig), { kind: 'invalidParameter', message })
  }
})
