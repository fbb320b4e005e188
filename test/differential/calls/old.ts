/** What older API versions take and show: wishes they do not know yet, fields they still have. */
import { attempt, type Call, get, type Group, post, remove, start } from '../call.ts'

const VERSIONS = ['1.40', '1.41', '1.42', '1.43', '1.44', '1.45', '1.47', '1.48', '1.51', '1.52']

const host = (hostConfig: object, config: object = {}): object => ({
  Cmd: ['true'],
  ...config,
  HostConfig: { NetworkMode: 'none', ...hostConfig },
})

const wishes: Readonly<Record<string, object>> = {
  plain: host({}),
  bridged: { Cmd: ['true'], MacAddress: '02:42:ac:11:00:99' },
  'mac-and-endpoint': {
    Cmd: ['true'],
    MacAddress: '02:42:ac:11:00:99',
    HostConfig: { NetworkMode: 'bridge' },
    NetworkingConfig: { EndpointsConfig: { bridge: {} } },
  },
  'two-macs': {
    Cmd: ['true'],
    MacAddress: '02:42:ac:11:00:99',
    HostConfig: { NetworkMode: 'bridge' },
    NetworkingConfig: { EndpointsConfig: { bridge: { MacAddress: '02:42:ac:11:00:98' } } },
  },
  'endpoint-mac': {
    Cmd: ['true'],
    NetworkingConfig: { EndpointsConfig: { bridge: { MacAddress: '02:42:ac:11:00:98' } } },
  },
  priority: {
    Cmd: ['true'],
    NetworkingConfig: { EndpointsConfig: { bridge: { GwPriority: 7 } } },
  },
  annotations: host({ Annotations: { a: 'b' } }),
  'start-interval': host(
    {},
    {
      Healthcheck: {
        Test: ['CMD', 'true'],
        StartInterval: 1_000_000_000,
        StartPeriod: 1_000_000_000,
      },
    },
  ),
  'kernel-memory': host({ Memory: 67_108_864, KernelMemory: 33_554_432 }),
  'kernel-tcp': host({ KernelMemoryTCP: 33_554_432 }),
  capabilities: host({ Capabilities: ['CAP_CHOWN'] }),
  'cgroup-namespace': host({ CgroupnsMode: 'private' }),
  pids: host({ PidsLimit: 0 }),
  'bind-options': host({
    Mounts: [
      {
        Type: 'bind',
        Source: '/tmp',
        Target: '/t',
        ReadOnly: true,
        BindOptions: { NonRecursive: true, ReadOnlyNonRecursive: true },
      },
    ],
  }),
  'bind-force': host({
    Mounts: [
      {
        Type: 'bind',
        Source: '/tmp',
        Target: '/t',
        ReadOnly: true,
        BindOptions: { ReadOnlyForceRecursive: true, Propagation: 'rprivate' },
      },
    ],
  }),
  'tmpfs-options': host({
    Mounts: [{ Type: 'tmpfs', Target: '/t', TmpfsOptions: { Options: [['noexec']] } }],
  }),
  'create-mountpoint': host({
    Mounts: [
      { Type: 'bind', Source: '/tmp', Target: '/t', BindOptions: { CreateMountpoint: true } },
    ],
  }),
  subpath: host({
    Mounts: [{ Type: 'volume', Source: 'old-v', Target: '/t', VolumeOptions: { Subpath: 'a' } }],
  }),
  'mixed-options': host({
    Mounts: [{ Type: 'volume', Target: '/t', BindOptions: { Propagation: 'rshared' } }],
  }),
  console: host({ ConsoleSize: [3, 4] }),
  masked: host({ MaskedPaths: [] }),
}

const query = (version: string): readonly Call[] =>
  Object.entries(wishes).flatMap(([wish, body]) => {
    const name = `o-${wish}`
    return [
      { ...attempt(name, body, { version }), name: `create ${wish}` },
      get(`inspect ${wish}`, `/containers/${name}/json`, undefined, { version }),
      get(`newest ${wish}`, `/containers/${name}/json`),
      remove(name),
    ]
  })

export const old: readonly Group[] = VERSIONS.map((version) => ({
  name: `old ${version}`,
  calls: [
    ...query(version),
    attempt(
      'o-life',
      { Cmd: ['sleep', '1000'], StopSignal: 'SIGKILL', ExposedPorts: { '80/tcp': {} } },
      { version },
    ),
    start('o-life'),
    get('running', '/containers/o-life/json', undefined, { version }),
    get('list', '/containers/json?filters={"name":["o-life"]}', undefined, { version }),
    post(
      'exec',
      '/containers/o-life/exec',
      { Cmd: ['true'], ConsoleSize: [1, 2], Tty: true },
      { version, save: { xx: 'Id' } },
    ),
    get('exec inspect', '/exec/{xx}/json', undefined, { version }),
    post(
      'update',
      '/containers/o-life/update',
      { Memory: 67_108_864, MemorySwap: -1, KernelMemory: 0 },
      { version },
    ),
    post('resize', '/containers/o-life/resize', undefined, { version }),
    get('stats', '/containers/o-life/stats?stream=0&one-shot=1', undefined, {
      version,
      statusOnly: true,
    }),
    get('info', '/info', undefined, { version, statusOnly: true }),
    post('volume', '/volumes/create', { Name: 'o-volume' }, { version }),
    get('volumes', '/volumes?filters={"name":["o-volume"]}', undefined, { version }),
    post('prune volumes', '/volumes/prune?filters={"label":["nope"]}', undefined, { version }),
    post('prune images', '/images/prune?filters={"label":["nope"]}', undefined, { version }),
    get('network', '/networks/host', undefined, { version }),
    post('kill', '/containers/o-life/kill', undefined, { version }),
    post('wait', '/containers/o-life/wait?condition=nope', undefined, { version }),
    remove('o-life'),
    { ...remove('o-volume'), name: 'remove volume', path: '/volumes/o-volume' },
    { ...remove('o-volume'), name: 'remove other volume', path: '/volumes/old-v?force=1' },
  ],
}))
