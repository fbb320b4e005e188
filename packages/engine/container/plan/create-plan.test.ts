import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodePlan } from '@tdocker/kernel/shim/encode.ts'
import type { CreateTarget, PlanMount } from '@tdocker/kernel/shim/plan.ts'
import { buildCreatePlan } from './create-plan.ts'
import { assertGolden } from './golden/golden-file.ts'
import type { ContainerPlanInput, ResolvedMount } from './plan-input.ts'
import { cgroupV2, planInput } from './plan-fixture.ts'

const client = {
  stdin: true,
  stdout: true,
  stderr: true,
  detachKeys: [16, 17],
  head: Buffer.alloc(0),
}

const cases: Record<string, ContainerPlanInput> = {
  default: planInput(),
  'default-v2': planInput({}, { CgroupnsMode: 'private' }, { cgroup: cgroupV2 }),
  privileged: planInput({}, { Privileged: true }, { seccomp: undefined }),
  user: planInput(
    { User: 'app:staff', WorkingDir: '/srv' },
    {},
    { user: { uid: 1000, gid: 50, groups: [50, 27], home: '/home/app' } },
  ),
  'read-only': planInput({}, { ReadonlyRootfs: true, Tmpfs: { '/run': 'size=1m,exec' } }),
  'cap-add': planInput(
    {},
    {
      CapAdd: ['NET_ADMIN'],
      CapDrop: ['ALL'],
      SecurityOpt: ['no-new-privileges'],
      Ulimits: [{ Name: 'nofile', Soft: 1024, Hard: -1 }],
      Sysctls: { 'net.ipv4.ip_forward': '1' },
      OomScoreAdj: 100,
    },
  ),
  'host-modes': planInput(
    {},
    {
      NetworkMode: 'host',
      PidMode: 'host',
      IpcMode: 'host',
      UTSMode: 'host',
      CgroupnsMode: 'private',
    },
    { netnsFd: undefined },
  ),
  'container-modes': planInput(
    {},
    { NetworkMode: 'container:abc', PidMode: 'container:abc', IpcMode: 'container:abc' },
    { netnsFd: undefined, join: { net: 31, pid: 32, ipc: 33, shm: 34 } },
  ),
  tty: planInput(
    { Tty: true, OpenStdin: true, StdinOnce: true, Entrypoint: ['/bin/sh', '-c'], Cmd: ['vi'] },
    { Init: true },
    { consoleSize: [24, 80], clients: [{ ...client, fd: 40 }], hold: [41, 42] },
  ),
}

for (const [name, input] of Object.entries(cases)) {
  test(`golden: ${name}`, () => {
    const built = buildCreatePlan(input)
    assertGolden(`create-${name}.json`, built)
    assert.ok(encodePlan(built.plan).length > 0, 'the shim’s encoder takes it')
  })
}

function target(input: ContainerPlanInput): CreateTarget {
  const { plan } = buildCreatePlan(input)
  assert.equal(plan.target.kind, 'create')
  return plan.target as CreateTarget
}

function mountAt(input: ContainerPlanInput, path: string): PlanMount | undefined {
  return target(input).mounts.find((mount) => mount.target === path)
}

const volume: ResolvedMount = {
  type: 'volume',
  source: { path: '/var/lib/tdocker/volumes/v/_data' },
  target: '/data',
  readonly: false,
  recursive: true,
  recursiveReadonly: false,
  propagation: '',
  directory: true,
}

test('each descriptor is listed once, and indexes point to it', () => {
  const { plan, fds } = buildCreatePlan(
    planInput({}, {}, { hold: [21, 50], clients: [{ ...client, fd: 50 }] }),
  )
  assert.deepEqual(new Set(fds), new Set([20, 21, 50]))
  assert.equal(fds.length, 3)
  assert.deepEqual(
    plan.hold.map((index) => fds[index]),
    [21, 50],
  )
  assert.equal(fds[(plan.target as CreateTarget).rootFd], 20)
})

test('user mounts come by depth, after the defaults', () => {
  const at = (path: string): ResolvedMount => ({ ...volume, target: path })
  const mounts = ['/a/b/c', '/z', '/a/b', '/sys/x'].map(at)
  const targets = target(planInput({}, {}, { mounts })).mounts.map((mount) => mount.target)
  const own = targets.filter((path) => mounts.some((mount) => mount.target === path))
  assert.deepEqual(own, ['/z', '/a/b', '/sys/x', '/a/b/c'])
  assert.ok(targets.indexOf('/sys') < targets.indexOf('/sys/x'))
})

test('a user’s mount takes the place of a default one', () => {
  const input = planInput({}, {}, { mounts: [{ ...volume, target: '/dev/shm' }] })
  const shm = target(input).mounts.filter((mount) => mount.target === '/dev/shm')
  assert.deepEqual(
    shm.map((mount) => mount.type),
    ['bind'],
  )
})

test('with a /dev of the user nothing is made in it', () => {
  const input = planInput({}, {}, { mounts: [{ ...volume, target: '/dev' }] })
  const { mounts, devices, symlinks } = target(input)
  assert.deepEqual(
    mounts.filter((mount) => mount.target.startsWith('/dev')).map((mount) => mount.type),
    ['bind'],
  )
  assert.deepEqual(devices, [])
  assert.ok(symlinks.every(([path]) => !path.startsWith('/dev')))
})

test('/etc/hosts of the user is not covered by ours', () => {
  const mounts = [{ ...volume, target: '/etc/hosts', directory: false }]
  const found = target(planInput({}, {}, { mounts })).mounts.filter(
    (mount) => mount.target === '/etc/hosts',
  )
  assert.equal(found.length, 1)
  assert.deepEqual(found[0]?.type === 'bind' && found[0].source, volume.source)
})

test('read-only binds cover what is mounted below, unless told otherwise', () => {
  const bind = (change: Partial<ResolvedMount>): PlanMount | undefined =>
    mountAt(planInput({}, {}, { mounts: [{ ...volume, ...change }] }), '/data')
  const first = bind({ readonly: true, recursiveReadonly: true })
  assert.ok(first?.type === 'bind' && first.readonly && first.recursiveReadonly)
  const second = bind({ readonly: true, recursiveReadonly: false })
  assert.ok(second?.type === 'bind' && second.readonly && !second.recursiveReadonly)
  const third = bind({ recursive: false, propagation: 'rshared' })
  assert.ok(third?.type === 'bind' && !third.recursive && third.propagation === 'rshared')
})

test('the root receives or passes on mounts only for slave and shared binds', () => {
  const propagation = (kind: string): string =>
    target(planInput({}, {}, { mounts: [{ ...volume, propagation: kind }] })).rootPropagation
  assert.equal(propagation(''), 'rprivate')
  assert.equal(propagation('private'), 'rprivate')
  assert.equal(propagation('rslave'), 'rslave')
  assert.equal(propagation('shared'), 'shared')
})

test('ipc none has no /dev/shm, a size is taken over', () => {
  assert.equal(mountAt(planInput({}, { IpcMode: 'none' }), '/dev/shm'), undefined)
  const shm = mountAt(planInput({}, { ShmSize: 1000000 }), '/dev/shm')
  assert.ok(shm?.type === 'tmpfs' && shm.data.some(([key, value]) => key + value === 'size1000000'))
})

test('paths the client gave stand, also empty and privileged', () => {
  const open = target(planInput({}, { MaskedPaths: [], ReadonlyPaths: [] }))
  assert.deepEqual([open.maskedPaths, open.readonlyPaths], [[], []])
  const own = target(planInput({}, { Privileged: true, MaskedPaths: ['/proc/x'] }))
  assert.deepEqual(own.maskedPaths, ['/proc/x'])
})

test('privileged: /sys and cgroups are writable', () => {
  for (const ns of ['host', 'private']) {
    const { mounts } = target(planInput({}, { Privileged: true, CgroupnsMode: ns }))
    for (const mount of mounts.filter((one) => one.target.startsWith('/sys'))) {
      assert.ok(!mount.flags.includes('ro'), mount.target)
      assert.ok(mount.type !== 'bind' || !mount.readonly, mount.target)
    }
  }
})

test('cgroups are writable when asked for, and not when forbidden', () => {
  const writable = (hostConfig: object): boolean =>
    target(planInput({}, hostConfig))
      .mounts.filter((mount) => mount.target.startsWith('/sys/fs/cgroup'))
      .every((mount) => !mount.flags.includes('ro') && !(mount.type === 'bind' && mount.readonly))
  assert.equal(writable({}), false)
  assert.equal(writable({ SecurityOpt: ['writable-cgroups'] }), true)
  assert.equal(writable({ SecurityOpt: ['writable-cgroups=false'], Privileged: true }), false)
  const sys = mountAt(planInput({}, { SecurityOpt: ['writable-cgroups'] }), '/sys')
  assert.ok(sys?.flags.includes('ro'))
})

test('no-new-privileges by the daemon’s default, unless the container says otherwise', () => {
  const flag = (hostConfig: object): boolean =>
    buildCreatePlan(planInput({}, hostConfig, { noNewPrivileges: true })).plan.process
      .noNewPrivileges
  assert.equal(flag({}), true)
  assert.equal(flag({ SecurityOpt: ['no-new-privileges=false'] }), false)
})

test('init only in a pid namespace of its own', () => {
  const argv = (PidMode: string): readonly string[] =>
    buildCreatePlan(planInput({}, { Init: true, PidMode })).plan.process.argv
  assert.deepEqual(argv(''), ['/sbin/docker-init', '--', 'sh'])
  assert.deepEqual(argv('host'), ['sh'])
})

test('no command, missing namespaces, bad capabilities', () => {
  assert.throws(() => buildCreatePlan(planInput({ Cmd: [] })), { message: 'no command specified' })
  assert.throws(() => buildCreatePlan(planInput({}, { PidMode: 'container:x' })), {
    kind: 'system',
  })
  assert.throws(() => buildCreatePlan(planInput({}, { CapAdd: ['X'] })), {
    kind: 'invalidParameter',
  })
})
