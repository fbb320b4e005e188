import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ContainerInspectResponse } from '@tdocker/api'
import { makeWorld } from '../testing/fakes.ts'

async function inspectDefault(): Promise<ContainerInspectResponse> {
  await using world = makeWorld()
  const id = await world.create({ Cmd: ['echo', 'hi'] }, 'web')
  return world.containers.backend.inspect(id, { size: false })
}

test('a container that was only created, field by field', async () => {
  const { Id, HostConfig, Config, NetworkSettings, GraphDriver, ...rest } = await inspectDefault()
  assert.deepEqual(rest, {
    Created: '2023-11-14T22:13:20Z',
    Path: 'echo',
    Args: ['hi'],
    State: {
      Status: 'created',
      Running: false,
      Paused: false,
      Restarting: false,
      OOMKilled: false,
      Dead: false,
      Pid: 0,
      ExitCode: 0,
      Error: '',
      StartedAt: '0001-01-01T00:00:00Z',
      FinishedAt: '0001-01-01T00:00:00Z',
    },
    Image: 'sha256:1',
    ResolvConfPath: '',
    HostnamePath: '',
    HostsPath: '',
    LogPath: '',
    Name: '/web',
    RestartCount: 0,
    Driver: 'overlay2',
    Platform: 'linux',
    MountLabel: '',
    ProcessLabel: '',
    AppArmorProfile: '',
    ExecIDs: null,
    Mounts: [],
  })
  assert.deepEqual(Config, {
    Hostname: Id.slice(0, 12),
    Domainname: '',
    User: '',
    AttachStdin: false,
    AttachStdout: false,
    AttachStderr: false,
    Tty: false,
    OpenStdin: false,
    StdinOnce: false,
    Env: null,
    Cmd: ['echo', 'hi'],
    Image: 'busybox',
    Volumes: null,
    WorkingDir: '',
    Entrypoint: null,
    Labels: {},
  })
  assert.deepEqual(Object.keys(NetworkSettings), ['SandboxID', 'SandboxKey', 'Ports', 'Networks'])
  assert.equal(GraphDriver!.Data['LowerDir'], '/layers/1')
  assert.equal(GraphDriver!.Data['MergedDir'], '')
  assert.equal(HostConfig.NetworkMode, 'bridge')
})

/** As `docker create busybox` leaves it on dockerd, cgroup v1. */
test('the host config has every field with Docker’s zero values', async () => {
  const { HostConfig } = await inspectDefault()
  const { MaskedPaths, ReadonlyPaths, ...rest } = HostConfig
  assert.ok(MaskedPaths!.includes('/proc/kcore'))
  assert.ok(ReadonlyPaths!.includes('/proc/sys'))
  assert.deepEqual(rest, {
    Binds: null,
    ContainerIDFile: '',
    LogConfig: { Type: 'json-file', Config: {} },
    NetworkMode: 'bridge',
    PortBindings: {},
    RestartPolicy: { Name: 'no', MaximumRetryCount: 0 },
    AutoRemove: false,
    VolumeDriver: '',
    VolumesFrom: null,
    ConsoleSize: [0, 0],
    CapAdd: null,
    CapDrop: null,
    CgroupnsMode: 'host',
    Dns: null,
    DnsOptions: null,
    DnsSearch: null,
    ExtraHosts: null,
    GroupAdd: null,
    IpcMode: 'private',
    Cgroup: '',
    Links: null,
    OomScoreAdj: 0,
    PidMode: '',
    Privileged: false,
    PublishAllPorts: false,
    ReadonlyRootfs: false,
    SecurityOpt: null,
    UTSMode: '',
    UsernsMode: '',
    ShmSize: 67108864,
    Runtime: 'runc',
    Isolation: '',
    CpuShares: 0,
    Memory: 0,
    NanoCpus: 0,
    CgroupParent: '',
    BlkioWeight: 0,
    BlkioWeightDevice: null,
    BlkioDeviceReadBps: null,
    BlkioDeviceWriteBps: null,
    BlkioDeviceReadIOps: null,
    BlkioDeviceWriteIOps: null,
    CpuPeriod: 0,
    CpuQuota: 0,
    CpuRealtimePeriod: 0,
    CpuRealtimeRuntime: 0,
    CpusetCpus: '',
    CpusetMems: '',
    Devices: null,
    DeviceCgroupRules: null,
    DeviceRequests: null,
    MemoryReservation: 0,
    MemorySwap: 0,
    MemorySwappiness: null,
    OomKillDisable: false,
    PidsLimit: null,
    Ulimits: null,
    CpuCount: 0,
    CpuPercent: 0,
    IOMaximumIOps: 0,
    IOMaximumBandwidth: 0,
  })
})

test('limits and mounts as they were decided', async () => {
  await using world = makeWorld()
  const id = await world.create({
    Volumes: { '/var/lib/x': {} },
    HostConfig: {
      Memory: 10 << 20,
      PidsLimit: 64,
      Binds: ['/tmp:/t:ro', 'data:/d'],
      Tmpfs: { '/run': '' },
    },
  })
  const answer = await world.containers.backend.inspect(id, { size: true })
  assert.equal(answer.HostConfig.MemorySwap, 20 << 20)
  assert.equal(answer.HostConfig.PidsLimit, 64)
  assert.equal(answer.SizeRw, 5)
  assert.deepEqual(
    answer.Mounts.map(({ Type, Name, Source, Destination, RW }) => [
      Type,
      Name,
      Source,
      Destination,
      RW,
    ]),
    [
      ['bind', undefined, '/tmp', '/t', false],
      ['volume', 'data', '/volumes/data/_data', '/d', true],
      ['volume', 'anon1', '/volumes/anon1/_data', '/var/lib/x', true],
    ],
  )
})
