import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FakeNative } from '../fake-native.ts'
import { createCgroupDriver } from './create-driver.ts'
import type { CgroupDriver } from './driver.ts'
import { FakeCgroupFs } from './fake-cgroup-fs.ts'
import { checkGroupPath } from './tree.ts'

const root = '/cg'
const common = { 'cgroup.procs': '', 'cgroup.clone_children': '0' }

function v1Files(directory: string): Record<string, string> {
  const hierarchy = directory.split('/')[2]
  const child = directory.split('/').length > 3
  const unlimited = '9223372036854771712'
  switch (hierarchy) {
    case 'cpu,cpuacct':
      return {
        ...common,
        'cpu.shares': '1024',
        'cpu.cfs_quota_us': '-1',
        'cpu.cfs_period_us': '100000',
      }
    case 'cpuset':
      return {
        ...common,
        'cpuset.cpus': child ? '\n' : '0-1\n',
        'cpuset.mems': child ? '\n' : '0\n',
      }
    case 'memory':
      return {
        ...common,
        'memory.limit_in_bytes': unlimited,
        'memory.memsw.limit_in_bytes': unlimited,
        'memory.oom_control': 'oom_kill_disable 0\nunder_oom 0\noom_kill 0\n',
      }
    case 'devices':
      return { ...common, 'devices.allow': '', 'devices.deny': '' }
    case 'freezer':
      return { ...common, ...(child ? { 'freezer.state': 'THAWED' } : {}) }
    case 'pids':
      return { ...common, ...(child ? { 'pids.max': 'max' } : {}) }
    case 'unified':
      return {
        'cgroup.procs': '',
        'cgroup.controllers': '',
        ...(child ? { 'cgroup.kill': '', 'cgroup.freeze': '0', 'cgroup.events': 'frozen 0' } : {}),
      }
    default:
      return common
  }
}

function v1(o: { unified?: boolean; self?: string } = {}): {
  fs: FakeCgroupFs
  fake: FakeNative
  driver: CgroupDriver
} {
  const fs = new FakeCgroupFs(v1Files)
  const names = ['cpu,cpuacct', 'cpuset', 'memory', 'devices', 'freezer', 'pids', 'systemd']
  fs.dirs.add(root)
  for (const name of o.unified === false ? names : [...names, 'unified']) {
    fs.addDirectory(`${root}/${name}`)
  }
  for (const name of ['cpu', 'cpuacct']) fs.links.set(`${root}/${name}`, `${root}/cpu,cpuacct`)
  const fake = new FakeNative()
  const self = o.self ?? '4:memory:/system/tdocker\n3:cpu,cpuacct:/\n0::/\n'
  const driver = createCgroupDriver({ native: fake.native, parent: '/td', root, fs, self })
  return { fs, fake, driver }
}

const spec = { path: '/td/x', resources: {}, devices: [] }

test('v1: detection', () => {
  const { driver } = v1()
  assert.equal(driver.version, 1)
  assert.deepEqual([...driver.controllers].toSorted(), [
    'cpu',
    'cpuacct',
    'cpuset',
    'devices',
    'freezer',
    'memory',
    'pids',
  ])
  assert.equal(driver.features.swapLimit, true)
  assert.equal(driver.features.pidsLimit, true)
  assert.equal(driver.features.blkioWeight, false)
  assert.deepEqual([driver.cpusAvailable, driver.memsAvailable], ['0-1', '0'])
})

test('v1: a group in each hierarchy once, with CPUs', async () => {
  const { fs, driver } = v1()
  await driver.create(spec)
  for (const name of ['cpu,cpuacct', 'cpuset', 'memory', 'devices', 'pids', 'systemd', 'unified']) {
    assert.ok(fs.dirs.has(`${root}/${name}/td/x`), name)
  }
  assert.equal(fs.files.get(`${root}/cpuset/td/cpuset.cpus`), '0-1')
  assert.equal(fs.files.get(`${root}/cpuset/td/cgroup.clone_children`), '1')
  assert.equal(driver.procsFiles('/td/x').length, 8)
})

test('v1: below a foreign parent CPUs are copied', async () => {
  const { fs, driver } = v1()
  for (const name of [
    'cpu,cpuacct',
    'cpuset',
    'memory',
    'devices',
    'freezer',
    'pids',
    'systemd',
    'unified',
  ]) {
    fs.addDirectory(`${root}/${name}/foreign`)
  }
  await driver.create({ ...spec, path: '/foreign/x' })
  assert.equal(fs.files.get(`${root}/cpuset/foreign/x/cpuset.cpus`), '0-1')
  assert.equal(fs.files.get(`${root}/cpuset/foreign/cgroup.clone_children`), '0')
  await driver.remove('/foreign/x')
  driver.close()
  assert.ok(fs.dirs.has(`${root}/memory/foreign`), 'not ours to remove')
})

test('v1: a failing create takes back what it made', async () => {
  const { fs, driver } = v1()
  fs.fail('write', `${root}/memory/td/x/memory.limit_in_bytes`, 'EINVAL')
  await assert.rejects(driver.create({ ...spec, resources: { memoryBytes: 5 } }), {
    code: 'EINVAL',
  })
  assert.deepEqual(
    [...fs.dirs].filter((dir) => dir.endsWith('/td/x')),
    [],
  )
  await driver.create(spec)
  await assert.rejects(driver.create(spec), { code: 'EEXIST' })
  assert.ok(fs.dirs.has(`${root}/memory/td/x`), 'the first stays')
})

test('v1: a period the old quota forbids comes after the new quota', async () => {
  const { fs, driver } = v1()
  await driver.create(spec)
  fs.fail('write', `${root}/cpu,cpuacct/td/x/cpu.cfs_period_us`, 'EINVAL')
  fs.writes.length = 0
  await driver.update('/td/x', { cpuPeriodUs: 1000, cpuQuotaUs: 1000 })
  assert.deepEqual(
    fs.writes.map((write) => write.split('/').at(-1)),
    ['cpu.cfs_quota_us 1000', 'cpu.cfs_period_us 1000'],
  )
  fs.fail('write', `${root}/cpu,cpuacct/td/x/cpu.cfs_quota_us`, 'EINVAL')
  await assert.rejects(driver.update('/td/x', { cpuQuotaUs: 1 }), { code: 'EINVAL' })
})

test('v1: an update that the kernel refuses half way is taken back', async () => {
  const { fs, driver } = v1()
  await driver.create(spec)
  const memory = `${root}/memory/td/x`
  const before = new Map(fs.files)
  fs.fail('write', `${root}/pids/td/x/pids.max`, 'EINVAL')
  const wish = { memoryBytes: 64, memorySwapBytes: 128, cpuQuotaUs: 5000, pids: 7 }
  await assert.rejects(driver.update('/td/x', wish), { code: 'EINVAL' })
  assert.deepEqual(fs.files, before)
  const undo = await driver.update('/td/x', wish)
  assert.equal(fs.files.get(`${memory}/memory.memsw.limit_in_bytes`), '128')
  fs.writes.length = 0
  await undo()
  assert.deepEqual(fs.files, before)
  assert.deepEqual(
    fs.writes
      .filter((write) => write.includes('memory'))
      .map((write) => write.split(/[ /]/).at(-2)),
    ['memory.memsw.limit_in_bytes', 'memory.limit_in_bytes'],
    'latest first',
  )
})

test('v1: memory that cannot be reclaimed is told with what is in use', async () => {
  const { fs, driver } = v1()
  await driver.create(spec)
  const memory = `${root}/memory/td/x`
  fs.files.set(`${memory}/memory.usage_in_bytes`, '200\n')
  fs.files.set(`${memory}/memory.max_usage_in_bytes`, '300\n')
  fs.fail('write', `${memory}/memory.limit_in_bytes`, 'EBUSY')
  await assert.rejects(driver.update('/td/x', { memoryBytes: 64 }), {
    code: 'EBUSY',
    message: 'unable to set memory limit to 64 (current usage: 200, peak usage: 300)',
  })
})

test('v2: swap is counted where a group other than the root has the file for it', () => {
  assert.equal(v2().driver.features.swapLimit, false)
  assert.equal(v2({ self: '0::/\n' }).driver.features.swapLimit, true)
  const { fs, fake } = v2()
  fs.addDirectory(`${root}/d`)
  fs.files.set(`${root}/d/memory.swap.max`, 'max')
  const options = { native: fake.native, parent: '/td', root, fs, self: '0::/d\n' }
  assert.equal(createCgroupDriver(options).features.swapLimit, true)
})

test('v2: device limits are taken back line by line', async () => {
  const { fs, driver } = v2()
  await driver.create(spec)
  const group = `${root}/td/x`
  fs.files.set(`${group}/io.max`, '8:0 rbps=5 wbps=max riops=max wiops=max\n')
  fs.files.set(`${group}/io.weight`, 'default 100\n8:0 200\n')
  const undo = await driver.update('/td/x', {
    blkioWeight: 10,
    blkioWeightDevices: [
      { major: 8, minor: 0, weight: 1000 },
      { major: 8, minor: 16, weight: 10 },
    ],
    blkioThrottle: [
      { kind: 'read-bps', major: 8, minor: 0, rate: 9 },
      { kind: 'write-iops', major: 8, minor: 16, rate: 0 },
    ],
  })
  fs.writes.length = 0
  // The kernel keeps the lines; the fake only what was written last.
  await undo()
  assert.deepEqual(
    fs.writes.map((write) => write.slice(group.length + 1)),
    [
      'io.max 8:16 rbps=max wbps=max riops=max wiops=max',
      'io.max 8:0 rbps=5 wbps=max riops=max wiops=max',
      'io.weight 8:16 default',
      'io.weight 8:0 default',
      'io.weight default 100',
    ],
  )
})

test('v1: kill and freeze through the unified hierarchy', async () => {
  const { fs, driver } = v1()
  await driver.create(spec)
  const group = `${root}/unified/td/x`
  fs.files.set(`${group}/cgroup.events`, 'populated 1\nfrozen 1\n')
  assert.equal(await driver.isFrozen('/td/x'), false)
  await driver.freeze('/td/x', true)
  assert.equal(await driver.isFrozen('/td/x'), true)
  await driver.kill('/td/x')
  assert.deepEqual(fs.writes.slice(-2), [`${group}/cgroup.freeze 1`, `${group}/cgroup.kill 1`])
})

test('v1 alone: the freezer, and thawing before the kill', async () => {
  const { fs, driver } = v1({ unified: false })
  await driver.create(spec)
  await driver.freeze('/td/x', true)
  assert.equal(fs.files.get(`${root}/freezer/td/x/freezer.state`), 'FROZEN')
  assert.equal(await driver.isFrozen('/td/x'), true)
  assert.equal(await driver.isFrozen('/td/gone'), false)
  await driver.kill('/td/x')
  assert.equal(fs.files.get(`${root}/freezer/td/x/freezer.state`), 'THAWED')
})

test('v1: pids of the group and of those below', async () => {
  const { fs, driver } = v1()
  await driver.create(spec)
  fs.addDirectory(`${root}/unified/td/x/sub`)
  fs.files.set(`${root}/unified/td/x/cgroup.procs`, '5\n6\n')
  fs.files.set(`${root}/unified/td/x/sub/cgroup.procs`, '7\n')
  assert.deepEqual(new Set(await driver.pids('/td/x')), new Set([5, 6, 7]))
  assert.deepEqual(await driver.pids('/td/none'), [])
})

test('v1: OOM is told when the counter went up, and the watch ends with the group', async () => {
  const { fs, fake, driver } = v1()
  await driver.create(spec)
  let times = 0
  const control = `${root}/memory/td/x/memory.oom_control`
  const watch = driver.watchOom('/td/x', 0, () => times++)
  await new Promise((resolve) => setImmediate(resolve))
  const [fd = -1] = fake.openFds
  fs.files.set(control, 'oom_kill 1\n')
  fake.push(fd, Buffer.alloc(8))
  while (times < 1) await new Promise((resolve) => setImmediate(resolve))
  assert.equal(await driver.oomKills('/td/x'), 1)
  fs.files.set(control, 'oom_kill_disable 1\nunder_oom 1\noom_kill 1\n')
  fake.push(fd, Buffer.alloc(8))
  while (times < 2) await new Promise((resolve) => setImmediate(resolve))
  await driver.remove('/td/x')
  fake.push(fd, Buffer.alloc(8))
  while (fake.openFds.size > 0) await new Promise((resolve) => setImmediate(resolve))
  assert.equal(times, 2)
  watch[Symbol.dispose]()
  assert.equal(await driver.oomKills('/td/x'), 0)
})

test('v1: shims move only where the daemon is not at the root', () => {
  assert.deepEqual(v1().driver.shimProcsFiles(), [`${root}/memory/td/shims/cgroup.procs`])
  assert.deepEqual(v1({ self: '4:memory:/\n' }).driver.shimProcsFiles(), [])
})

test('v1: removal waits for EBUSY, takes nested groups, and close the parents', async () => {
  const { fs, driver } = v1()
  await driver.create(spec)
  fs.addDirectory(`${root}/memory/td/x/sub`)
  fs.addDirectory(`${root}/memory/td/x/sub/deep`)
  fs.fail('rmdir', `${root}/pids/td/x`, 'EBUSY', 2)
  await driver.remove('/td/x')
  await driver.remove('/td/x')
  driver.close()
  assert.deepEqual(
    [...fs.dirs].filter((dir) => dir.includes('/td')),
    [],
  )
})

test('v1: what a container sees of its cgroups', () => {
  const points = v1().driver.mountPoints('/td/x')
  assert.ok(points.every((point) => !point.source.includes('unified')))
  assert.deepEqual(
    points.find((point) => point.name === 'systemd'),
    { controllers: 'name=systemd', name: 'systemd', source: `${root}/systemd/td/x` },
  )
})

function v2(o: { self?: string } = {}): {
  fs: FakeCgroupFs
  fake: FakeNative
  driver: CgroupDriver
} {
  const fs: FakeCgroupFs = new FakeCgroupFs((directory) => {
    const parent = directory.slice(0, directory.lastIndexOf('/'))
    const handedOn = directory === root ? 'cpuset cpu io memory pids misc' : grants(fs, parent)
    return {
      'cgroup.procs': '',
      'cgroup.controllers': handedOn,
      'cgroup.subtree_control': '',
      'cgroup.kill': '',
      'cgroup.freeze': '0',
      'cgroup.events': 'populated 0\nfrozen 0\n',
      ...(handedOn.includes('memory')
        ? { 'memory.max': 'max', 'memory.swap.max': 'max', 'memory.events': 'oom 0\noom_kill 0\n' }
        : {}),
      ...(handedOn.includes('pids') ? { 'pids.max': 'max' } : {}),
      ...(directory === root
        ? { 'cpuset.cpus.effective': '0-3\n', 'cpuset.mems.effective': '0\n' }
        : {}),
    }
  })
  fs.addDirectory(root)
  const fake = new FakeNative()
  const self = o.self ?? '0::/system.slice/tdocker.service\n'
  return {
    fs,
    fake,
    driver: createCgroupDriver({ native: fake.native, parent: '/td', root, fs, self }),
  }
}

/** What `+x` writes to a group's subtree_control have switched on. */
function grants(fs: FakeCgroupFs, directory: string): string {
  const prefix = `${directory}/cgroup.subtree_control +`
  return fs.writes
    .filter((write) => write.startsWith(prefix))
    .map((write) => write.slice(prefix.length))
    .join(' ')
}

test('v2: controllers are handed on to the group, and limits set', async () => {
  const { fs, fake, driver } = v2()
  assert.equal(driver.version, 2)
  const rules = [{ allow: false, type: 'a', major: -1, minor: -1, access: 'rwm' } as const]
  await driver.create({ path: '/td/x', resources: { memoryBytes: 5, pids: 3 }, devices: rules })
  assert.equal(grants(fs, root), 'cpuset cpu io memory pids')
  assert.equal(grants(fs, `${root}/td`), 'cpuset cpu io memory pids')
  assert.equal(grants(fs, `${root}/td/x`), '', 'the leaf keeps its processes')
  assert.equal(fs.files.get(`${root}/td/x/memory.max`), '5')
  assert.equal(fs.files.get(`${root}/td/x/pids.max`), '3')
  assert.deepEqual(fake.callsOf('bpfDeviceAttach'), [[{ cgroup: `${root}/td/x`, rules }]])
  assert.deepEqual(driver.procsFiles('/td/x'), [`${root}/td/x/cgroup.procs`])
})

test('v2: a failing create leaves no group', async () => {
  const { fs, fake, driver } = v2()
  fake.fail('bpfDeviceAttach', 'EPERM')
  const rules = [{ allow: true, type: 'c', major: 1, minor: 3, access: 'r' } as const]
  await assert.rejects(driver.create({ ...spec, devices: rules }), { code: 'EPERM' })
  assert.ok(!fs.dirs.has(`${root}/td/x`))
})

test('v2: all devices allowed needs no program', async () => {
  const { fake, driver } = v2()
  const rules = [{ allow: true, type: 'a', major: -1, minor: -1, access: 'rwm' } as const]
  await driver.create({ ...spec, devices: rules })
  assert.deepEqual(fake.callsOf('bpfDeviceAttach'), [])
})

test('v2: kill, freeze, counters, shims, removal', async () => {
  const { fs, driver } = v2()
  await driver.create(spec)
  const group = `${root}/td/x`
  await driver.kill('/td/x')
  fs.files.set(`${group}/cgroup.events`, 'frozen 1\n')
  await driver.freeze('/td/x', true)
  assert.deepEqual(fs.writes.slice(-2), [`${group}/cgroup.kill 1`, `${group}/cgroup.freeze 1`])
  fs.files.set(`${group}/memory.events`, 'oom 3\noom_kill 2\n')
  assert.equal(await driver.oomKills('/td/x'), 2)
  assert.deepEqual(driver.shimProcsFiles(), [`${root}/td/shims/cgroup.procs`])
  assert.deepEqual(driver.shimProcsFiles(), [`${root}/td/shims/cgroup.procs`])
  await driver.remove('/td/x')
  assert.equal(await driver.oomKills('/td/x'), 0)
  driver.close()
  assert.deepEqual([...fs.dirs], [root])
  assert.deepEqual(v2({ self: '0::/\n' }).driver.shimProcsFiles(), [])
})

test('v2: a controller that cannot be handed on is done without', async () => {
  const { fs, driver } = v2()
  fs.fail('write', `${root}/cgroup.subtree_control`, 'EINVAL')
  await driver.create({ ...spec, resources: { cpusetCpus: '0', pids: 3 } })
  assert.equal(fs.files.get(`${root}/td/x/pids.max`), '3')
})

test('paths outside a group of ours are refused', async () => {
  for (const path of ['/', '/td', 'td/x', '/td/../x', '/td//x', '/td/./x', '/td/x/', '', '/a/\0']) {
    assert.throws(() => checkGroupPath(path), { code: 'EINVAL' }, path)
  }
  const { driver } = v1()
  await assert.rejects(driver.create({ ...spec, path: '/td/../x' }), { code: 'EINVAL' })
  await assert.rejects(driver.remove('/'), { code: 'EINVAL' })
  await assert.rejects(driver.kill('/td'), { code: 'EINVAL' })
})
