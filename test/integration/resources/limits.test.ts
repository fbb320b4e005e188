/** Limits that only some kernels and machines have: what acts is seen, what cannot is said. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { isV2, readGroup } from '../../lib/cgroup-files.ts'
import { TestDaemon } from '../../lib/test-daemon.ts'

let daemon: TestDaemon
before(async () => (daemon = await TestDaemon.start()))
after(() => daemon[Symbol.asyncDispose]())

const MiB = 1 << 20
const onV1 = { skip: isV2 }

const create = (hostConfig: object) =>
  daemon.api.post<{ Id: string; message: string; Warnings: string[] }>('/containers/create', {
    Image: 'busybox',
    Cmd: ['sleep', '600'],
    HostConfig: { NetworkMode: 'none', ...hostConfig },
  })

async function started(hostConfig: object): Promise<string> {
  const { body, status, text } = await create(hostConfig)
  assert.equal(status, 201, text)
  const start = await daemon.api.post(`/containers/${body.Id}/start`)
  assert.equal(start.status, 204, start.text)
  return body.Id
}

/** Status and sentence of a start. */
async function refusedStart(hostConfig: object): Promise<[number, string]> {
  const { body, status, text } = await create(hostConfig)
  assert.equal(status, 201, text)
  const start = await daemon.api.post<{ message: string }>(`/containers/${body.Id}/start`)
  return [start.status, start.body.message]
}

test('swappiness, the OOM killer, reservation', onV1, async () => {
  const id = await started({
    Memory: 64 * MiB,
    MemoryReservation: 32 * MiB,
    MemorySwappiness: 7,
    OomKillDisable: true,
  })
  assert.equal(readGroup(daemon, id, 'memory', 'memory.swappiness'), '7')
  assert.match(readGroup(daemon, id, 'memory', 'memory.oom_control'), /^oom_kill_disable 1$/m)
  assert.equal(readGroup(daemon, id, 'memory', 'memory.soft_limit_in_bytes'), String(32 * MiB))
})

test('an OOM killer that is off without a limit is warned of', onV1, async () => {
  const { body } = await create({ OomKillDisable: true })
  assert.deepEqual(body.Warnings, [
    'OOM killer is disabled for the container, but no memory limit is set, this can result in the system running out of resources.',
  ])
})

test('throttled devices', { skip: !existsSync('/dev/loop0') }, async () => {
  const device = { Path: '/dev/loop0', Rate: 1 * MiB }
  const id = await started({
    BlkioDeviceReadBps: [device],
    BlkioDeviceWriteIOps: [{ ...device, Rate: 50 }],
  })
  assert.deepEqual(throttles(id), { readBps: String(MiB), writeIops: '50' })
  const body = { BlkioDeviceReadBps: [{ ...device, Rate: 2 * MiB }], BlkioDeviceWriteIOps: [] }
  assert.equal((await daemon.api.post(`/containers/${id}/update`, body)).status, 200)
  assert.deepEqual(throttles(id), { readBps: String(2 * MiB), writeIops: undefined })
})

/** What the group says of /dev/loop0; undefined where there is no limit. */
function throttles(id: string): { readBps: string | undefined; writeIops: string | undefined } {
  const { rdev } = statSync('/dev/loop0')
  const number = `${rdev >> 8}:${rdev & 0xff}`
  const find = (file: string, pattern: string): string | undefined =>
    new RegExp(`^${number} ${pattern}`, 'm').exec(readGroup(daemon, id, 'blkio', file))?.[1]
  return isV2
    ? { readBps: find('io.max', '.*rbps=(\\d+)'), writeIops: find('io.max', '.*wiops=(\\d+)') }
    : {
        readBps: find('blkio.throttle.read_bps_device', '(\\d+)'),
        writeIops: find('blkio.throttle.write_iops_device', '(\\d+)'),
      }
}

test('weights where the kernel has none are warned of and left out', onV1, async (t) => {
  if (existsSync('/sys/fs/cgroup/blkio/blkio.weight')) return t.skip('this kernel has weights')
  const { body } = await create({
    BlkioWeight: 300,
    BlkioWeightDevice: [{ Path: '/dev/loop0', Weight: 10 }],
  })
  assert.deepEqual(body.Warnings, [
    'Your kernel does not support Block I/O weight or the cgroup is not mounted. Weight discarded.',
    'Your kernel does not support Block I/O weight_device or the cgroup is not mounted. Weight-device discarded.',
  ])
})

test('realtime: a share that the parent has not got is refused by the kernel', onV1, async (t) => {
  if (!existsSync('/sys/fs/cgroup/cpu/cpu.rt_runtime_us')) {
    const { status, body } = await create({ CpuRealtimeRuntime: 950_000 })
    assert.deepEqual(
      [status, body.message],
      [400, 'kernel does not support CPU real-time scheduler'],
    )
    return t.skip('the rest needs realtime groups')
  }
  const [status, message] = await refusedStart({ CpuRealtimeRuntime: 95_000 })
  assert.equal(status, 500)
  assert.match(
    message,
    /unable to apply cgroup configuration: failed to write "95000": write .*cpu\.rt_runtime_us: invalid argument$/,
  )
  const { body } = await create({ CpuRealtimePeriod: 10, CpuRealtimeRuntime: 20 })
  assert.equal(body.message, 'cpu real-time runtime cannot be higher than cpu real-time period')
})

test('devices, rules and requests that cannot be had: the start says so', async () => {
  assert.deepEqual(
    await refusedStart({ DeviceRequests: [{ Count: -1, Capabilities: [['gpu']] }] }),
    [500, 'failed to discover GPU vendor from CDI: no known GPU vendor found'],
  )
  assert.deepEqual(await refusedStart({ DeviceCgroupRules: ['x'] }), [
    500,
    "invalid device cgroup rule format: 'x'",
  ])
  const device = { PathOnHost: '/dev/none', PathInContainer: '/dev/none', CgroupPermissions: 'r' }
  assert.deepEqual(await refusedStart({ Devices: [device] }), [
    500,
    'error gathering device information while adding custom device "/dev/none": no such file or directory',
  ])
  assert.deepEqual(await refusedStart({ BlkioDeviceReadBps: [{ Path: '/no/disk', Rate: 1 }] }), [
    500,
    'stat /no/disk: no such file or directory',
  ])
})

test('a parent of its own, cleaned of what would lead out of it', async () => {
  const id = await started({ CgroupParent: `/../${daemon.id}/../${daemon.id}/nested` })
  const { body } = await daemon.api.get<{ State: { Pid: number } }>(`/containers/${id}/json`)
  const groups = readFileSync(`/proc/${body.State.Pid}/cgroup`, 'utf8')
  assert.ok(groups.includes(`/nested/${id}`), groups)
  assert.ok(!groups.includes('..'))
})

test('Windows’ limits are refused or warned of', async () => {
  const { status, body } = await create({ IOMaximumIOps: 5 })
  assert.deepEqual(
    [status, body.message],
    [400, 'invalid option: QoS maximum IOPs configuration is not supported on linux'],
  )
  const percent = await create({ CpuPercent: 5, CpuCount: 1 })
  assert.deepEqual(percent.body.Warnings, [
    'linux does not support CPU percent. Percent discarded.',
  ])
})
