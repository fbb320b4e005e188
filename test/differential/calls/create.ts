/** Wishes at create: what is accepted, how it is shown, what is refused with which sentence. */
import { attempt, create, get, type Group, post, remove, wait } from '../call.ts'

const host = (hostConfig: object, config: object = {}): object => ({
  Cmd: ['true'],
  ...config,
  HostConfig: { NetworkMode: 'none', ...hostConfig },
})

/** Created and shown by inspect. */
const accepted: Readonly<Record<string, object>> = {
  plain: { Cmd: ['true'] },
  shell: { Cmd: ['sh', '-c', 'echo hi'], Entrypoint: ['/bin/env'] },
  env: { Env: ['A=1', 'B=', 'C', 'A=2'], ...host({}) },
  labels: { Labels: { one: '1', 'two.three': 'x y' }, ...host({}) },
  names: { Hostname: 'myhost', Domainname: 'example.org', ...host({}) },
  user: { User: '1000:1000', WorkingDir: '/tmp/new', ...host({}) },
  tty: {
    Tty: true,
    OpenStdin: true,
    StdinOnce: true,
    AttachStdin: true,
    AttachStdout: true,
    ...host({}),
  },
  ports: {
    Cmd: ['true'],
    ExposedPorts: { '80/tcp': {} },
    HostConfig: {
      PortBindings: {
        '80/tcp': [{ HostPort: '0' }],
        '53/udp': [{ HostIp: '127.0.0.1', HostPort: '5399' }],
      },
    },
  },
  'all-ports': {
    Cmd: ['true'],
    ExposedPorts: { '80/tcp': {} },
    HostConfig: { PublishAllPorts: true },
  },
  volumes: {
    Volumes: { '/data': {} },
    ...host({ Binds: ['/tmp:/host:ro', 'named-volume:/named'] }),
  },
  mounts: host({
    Mounts: [
      { Type: 'tmpfs', Target: '/t', TmpfsOptions: { SizeBytes: 1048576, Mode: 448 } },
      { Type: 'bind', Source: '/tmp', Target: '/b', ReadOnly: true },
      { Type: 'volume', Source: 'named-two', Target: '/v' },
    ],
  }),
  tmpfs: host({ Tmpfs: { '/run': 'size=1m,mode=700' } }),
  memory: host({ Memory: 67108864, MemoryReservation: 33554432 }),
  swap: host({ Memory: 67108864, MemorySwap: -1, MemorySwappiness: 10 }),
  cpu: host({ NanoCpus: 500000000, CpuShares: 512, CpusetCpus: '0', CpusetMems: '0' }),
  quota: host({ CpuPeriod: 50000, CpuQuota: 25000 }),
  pids: host({ PidsLimit: 64, Ulimits: [{ Name: 'nofile', Soft: 100, Hard: 200 }] }),
  'pids-unlimited': host({ PidsLimit: -1 }),
  blkio: host({ BlkioWeight: 300 }),
  caps: host({ CapAdd: ['NET_ADMIN', 'cap_sys_time'], CapDrop: ['ALL'] }),
  'caps-all': host({ CapAdd: ['ALL'] }),
  privileged: host({ Privileged: true }),
  security: host({ SecurityOpt: ['no-new-privileges', 'seccomp=unconfined'] }),
  masked: host({ MaskedPaths: ['/proc/x'], ReadonlyPaths: [] }),
  readonly: host({ ReadonlyRootfs: true, ShmSize: 1048576 }),
  namespaces: host({
    PidMode: 'host',
    IpcMode: 'shareable',
    UTSMode: 'host',
    CgroupnsMode: 'private',
  }),
  restart: host({ RestartPolicy: { Name: 'on-failure', MaximumRetryCount: 3 } }),
  'restart-always': host({ RestartPolicy: { Name: 'always' } }),
  stop: { StopSignal: 'SIGINT', StopTimeout: 3, ...host({}) },
  log: host({
    LogConfig: {
      Type: 'json-file',
      Config: { 'max-size': '10m', 'max-file': '3', tag: '{{.Name}}' },
    },
  }),
  'log-local': host({ LogConfig: { Type: 'local', Config: { 'max-size': '10m' } } }),
  'log-none': host({ LogConfig: { Type: 'none', Config: {} } }),
  'log-empty': host({ LogConfig: { Type: '', Config: {} } }),
  health: {
    Healthcheck: {
      Test: ['CMD', 'true'],
      Interval: 1000000000,
      Timeout: 1000000000,
      Retries: 2,
      StartPeriod: 1000000000,
      StartInterval: 500000000,
    },
    ...host({}),
  },
  'health-none': { Healthcheck: { Test: ['NONE'] }, ...host({}) },
  sysctls: host({ Sysctls: { 'kernel.shmmax': '12345' } }),
  devices: host({
    Devices: [
      { PathOnHost: '/dev/null', PathInContainer: '/dev/mynull', CgroupPermissions: 'rwm' },
    ],
    DeviceCgroupRules: ['c 1:3 rwm'],
  }),
  dns: {
    Cmd: ['true'],
    HostConfig: {
      Dns: ['9.9.9.9'],
      DnsSearch: ['example.org'],
      DnsOptions: ['ndots:2'],
      ExtraHosts: ['a:10.0.0.1'],
    },
  },
  groups: host({ GroupAdd: ['audio', '2000'] }),
  init: host({ Init: true }),
  oom: host({ OomScoreAdj: 100, OomKillDisable: false }),
  annotations: host({ Annotations: { 'org.example': 'x' } }),
  console: { Tty: true, ...host({ ConsoleSize: [20, 40] }) },
  autoremove: host({ AutoRemove: true }),
  'cgroup-parent': host({ CgroupParent: '/tdiff' }),
  runtime: host({ Runtime: 'runc' }),
  cidfile: host({ ContainerIDFile: '/tmp/x.cid' }),
  'host-network': { Cmd: ['true'], HostConfig: { NetworkMode: 'host' } },
  onbuild: { OnBuild: ['RUN x'], Shell: ['/bin/sh', '-x'], ...host({}) },
  isolation: host({ Isolation: 'default' }),
  'case-folded': { cmd: ['true'], hostconfig: { networkmode: 'none', memory: 67108864 } },
  nulls: {
    Cmd: ['true'],
    Env: null,
    Labels: null,
    HostConfig: { NetworkMode: 'none', Binds: null, PortBindings: null },
  },
}

/** Refused. */
const refused: Readonly<Record<string, object>> = {
  systempaths: host({ SecurityOpt: ['systempaths=unconfined'] }),
  'memory too small': host({ Memory: 1024 }),
  'swap below memory': host({ Memory: 67108864, MemorySwap: 1 }),
  'swap without memory': host({ MemorySwap: 67108864 }),
  'reservation above memory': host({ Memory: 67108864, MemoryReservation: 134217728 }),
  'reservation too small': host({ MemoryReservation: 1024 }),
  'swappiness 101': host({ MemorySwappiness: 101 }),
  'swappiness -2': host({ MemorySwappiness: -2 }),
  'kernel memory': host({ KernelMemory: 1024 }),
  'cpus 1000': host({ NanoCpus: 1000000000000 }),
  'cpus negative': host({ NanoCpus: -1 }),
  'cpus and quota': host({ NanoCpus: 500000000, CpuQuota: 25000 }),
  'cpus and period': host({ NanoCpus: 500000000, CpuPeriod: 50000 }),
  'shares negative': host({ CpuShares: -1 }),
  'period too small': host({ CpuPeriod: 10 }),
  'period too large': host({ CpuPeriod: 10000000 }),
  'quota too small': host({ CpuQuota: 10 }),
  'cpuset nonsense': host({ CpusetCpus: 'abc' }),
  'cpuset beyond': host({ CpusetCpus: '0-999' }),
  'mems nonsense': host({ CpusetMems: 'abc' }),
  'mems beyond': host({ CpusetMems: '99' }),
  'weight 5': host({ BlkioWeight: 5 }),
  'weight 2000': host({ BlkioWeight: 2000 }),
  'weight device': host({ BlkioWeightDevice: [{ Path: '/dev/null', Weight: 5 }] }),
  'shm negative': host({ ShmSize: -1 }),
  'oom score 2000': host({ OomScoreAdj: 2000 }),
  'ulimit unknown': host({ Ulimits: [{ Name: 'nope', Soft: 1, Hard: 1 }] }),
  'ulimit inverted': host({ Ulimits: [{ Name: 'nofile', Soft: 2, Hard: 1 }] }),
  'capability unknown': host({ CapAdd: ['NOPE'] }),
  'capability lost': host({ CapDrop: ['NOPE'] }),
  'security unknown': host({ SecurityOpt: ['nope'] }),
  'security pair unknown': host({ SecurityOpt: ['nope=1'] }),
  'security seccomp broken': host({ SecurityOpt: ['seccomp={'] }),
  'security nnp nonsense': host({ SecurityOpt: ['no-new-privileges=perhaps'] }),
  'restart unknown': host({ RestartPolicy: { Name: 'nope' } }),
  'restart count of always': host({ RestartPolicy: { Name: 'always', MaximumRetryCount: 3 } }),
  'restart count negative': host({ RestartPolicy: { Name: 'on-failure', MaximumRetryCount: -1 } }),
  'restart and remove': host({ AutoRemove: true, RestartPolicy: { Name: 'always' } }),
  'log option unknown': host({ LogConfig: { Type: 'json-file', Config: { nope: '1' } } }),
  'log mode unknown': host({ LogConfig: { Type: 'json-file', Config: { mode: 'nope' } } }),
  'log buffer without mode': host({
    LogConfig: { Type: 'json-file', Config: { 'max-buffer-size': '1m' } },
  }),
  'log size nonsense': host({ LogConfig: { Type: 'json-file', Config: { 'max-size': 'abc' } } }),
  'log files nonsense': host({
    LogConfig: { Type: 'json-file', Config: { 'max-size': '1m', 'max-file': 'x' } },
  }),
  'log compress of one': host({ LogConfig: { Type: 'json-file', Config: { compress: 'true' } } }),
  'log tag broken': host({ LogConfig: { Type: 'json-file', Config: { tag: '{{.Nope}}' } } }),
  'syslog facility': host({ LogConfig: { Type: 'syslog', Config: { 'syslog-facility': 'nope' } } }),
  'syslog address': host({
    LogConfig: { Type: 'syslog', Config: { 'syslog-address': 'nope://x' } },
  }),
  'syslog format': host({ LogConfig: { Type: 'syslog', Config: { 'syslog-format': 'nope' } } }),
  'journald option': host({ LogConfig: { Type: 'journald', Config: { nope: '1' } } }),
  'health interval': { Healthcheck: { Test: ['CMD', 'true'], Interval: 1 }, ...host({}) },
  'health timeout': { Healthcheck: { Test: ['CMD', 'true'], Timeout: -1 }, ...host({}) },
  'health retries': { Healthcheck: { Test: ['CMD', 'true'], Retries: -1 }, ...host({}) },
  'health start': { Healthcheck: { Test: ['CMD', 'true'], StartPeriod: -1 }, ...host({}) },
  'health test': { Healthcheck: { Test: ['NOPE', 'true'] }, ...host({}) },
  'pid mode': host({ PidMode: 'nope' }),
  'pid of nobody': host({ PidMode: 'container:nosuch' }),
  'ipc mode': host({ IpcMode: 'nope' }),
  'ipc of nobody': host({ IpcMode: 'container:nosuch' }),
  'uts mode': host({ UTSMode: 'nope' }),
  'user namespace': host({ UsernsMode: 'nope' }),
  'cgroup namespace': host({ CgroupnsMode: 'nope' }),
  'network of nobody': { Cmd: ['true'], HostConfig: { NetworkMode: 'container:nosuch' } },
  'network unknown': { Cmd: ['true'], HostConfig: { NetworkMode: 'nosuchnetwork' } },
  'hostname bad': { Hostname: 'bad name!', ...host({}) },
  'host network and hostname': {
    Hostname: 'x',
    Cmd: ['true'],
    HostConfig: { NetworkMode: 'host', UTSMode: 'host' },
  },
  'sysctl unknown': host({ Sysctls: { 'vm.nope': '1' } }),
  'sysctl of the host': {
    Cmd: ['true'],
    HostConfig: { NetworkMode: 'host', Sysctls: { 'net.ipv4.ip_forward': '1' } },
  },
  'bind relative': host({ Binds: ['relative/path:/x'] }),
  'bind target relative': host({ Binds: ['/tmp:x'] }),
  'bind to root': host({ Binds: ['/tmp:/'] }),
  'bind mode': host({ Binds: ['/tmp:/x:nope'] }),
  'bind twice': host({ Binds: ['/tmp:/x', '/var:/x'] }),
  'bind empty': host({ Binds: [''] }),
  'mount missing source': host({
    Mounts: [{ Type: 'bind', Source: '/no/such/path', Target: '/x' }],
  }),
  'mount of no type': host({ Mounts: [{ Type: 'nope', Target: '/x' }] }),
  'mount without target': host({ Mounts: [{ Type: 'tmpfs' }] }),
  'mount tmpfs with source': host({ Mounts: [{ Type: 'tmpfs', Source: 'x', Target: '/x' }] }),
  'mount mixed options': host({
    Mounts: [{ Type: 'tmpfs', Target: '/x', BindOptions: { Propagation: 'rshared' } }],
  }),
  'tmpfs option': host({ Tmpfs: { '/x': 'nope=1' } }),
  'tmpfs relative': host({ Tmpfs: { x: '' } }),
  'volume name': host({ Binds: ['a:/x', '!:/y'] }),
  'volumes from nobody': host({ VolumesFrom: ['nosuch'] }),
  'volumes from mode': host({ VolumesFrom: ['x:nope'] }),
  'port nonsense': {
    Cmd: ['true'],
    HostConfig: { PortBindings: { 'nope/tcp': [{ HostPort: '1' }] } },
  },
  'port protocol': {
    Cmd: ['true'],
    HostConfig: { PortBindings: { '80/nope': [{ HostPort: '1' }] } },
  },
  'host port nonsense': {
    Cmd: ['true'],
    HostConfig: { PortBindings: { '80/tcp': [{ HostPort: 'x' }] } },
  },
  'exposed nonsense': { ExposedPorts: { nope: {} }, ...host({}) },
  'extra host': { Cmd: ['true'], HostConfig: { ExtraHosts: ['nocolon'] } },
  'dns address': { Cmd: ['true'], HostConfig: { Dns: ['nope'] } },
  'device of nothing': host({
    Devices: [{ PathOnHost: '/dev/nosuch', PathInContainer: '/dev/x', CgroupPermissions: 'rwm' }],
  }),
  'device mode': host({
    Devices: [{ PathOnHost: '/dev/null', PathInContainer: '/dev/x', CgroupPermissions: 'z' }],
  }),
  'device rule': host({ DeviceCgroupRules: ['nope'] }),
  'device request': host({ DeviceRequests: [{ Count: -1, Capabilities: [['gpu']] }] }),
  'storage option': host({ StorageOpt: { size: '1G' } }),
  runtime: host({ Runtime: 'nope' }),
  isolation: host({ Isolation: 'hyperv' }),
  'stop signal': { StopSignal: 'NOPE', ...host({}) },
  'mac address': { MacAddress: 'nope', Cmd: ['true'] },
  'environment without name': { Env: ['=x'], ...host({}) },
  'working directory relative': { WorkingDir: 'relative', ...host({}) },
  link: { Cmd: ['true'], HostConfig: { Links: ['nosuch:alias'] } },
  'link on host': { Cmd: ['true'], HostConfig: { NetworkMode: 'host', Links: ['a:b'] } },
  'cgroup parent': host({ CgroupParent: 'a.slice' }),
  'endpoints of none': {
    Cmd: ['true'],
    HostConfig: { NetworkMode: 'none' },
    NetworkingConfig: { EndpointsConfig: { bridge: {} } },
  },
  'static address on bridge': {
    Cmd: ['true'],
    NetworkingConfig: {
      EndpointsConfig: { bridge: { IPAMConfig: { IPv4Address: '172.17.0.99' } } },
    },
  },
  'alias on bridge': {
    Cmd: ['true'],
    NetworkingConfig: { EndpointsConfig: { bridge: { Aliases: ['x'] } } },
  },
}

const nameOf = (wish: string): string => `c-${wish.replaceAll(' ', '-')}`

export const creation: readonly Group[] = [
  ...Object.entries(accepted).map(([wish, body]) => {
    const name = nameOf(wish)
    return {
      name: `create ${wish}`,
      calls: [create(name, body), get('inspect', `/containers/${name}/json`), remove(name)],
    }
  }),
  {
    name: 'create refused',
    calls: Object.entries(refused).flatMap(([wish, body]) => {
      const name = nameOf(`not ${wish}`)
      // What is only refused at the start is refused there by both.
      return [
        attempt(name, body),
        post(`start ${wish}`, `/containers/${name}/start`),
        // Else the removal may meet it dead or alive.
        wait(name),
        remove(name),
      ]
    }),
  },
]

/** Here dockerd looks for a plugin for 15 s. */
export const plugins: readonly Group[] = [
  {
    name: 'no such plugin: log',
    apart: true,
    calls: [attempt('c-log-unknown', host({ LogConfig: { Type: 'nope', Config: {} } }))],
  },
  {
    name: 'no such plugin: volume of a container',
    apart: true,
    calls: [attempt('c-driver', host({ VolumeDriver: 'nope', Binds: ['somevolume:/x'] }))],
  },
  {
    name: 'no such plugin: volume',
    apart: true,
    calls: [post('create', '/volumes/create', { Name: 'dv-driver', Driver: 'nope' })],
  },
]
