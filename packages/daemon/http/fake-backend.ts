/** A backend for tests: answers that look like an engine's, every call written down. */
import { writeSync } from 'node:fs'
import { Readable } from 'node:stream'
import type {
  ContainerDryRun,
  ContainerInspectResponse,
  ContainerSummary,
  EventMessage,
  ImageInspect,
  ImageSummary,
  SystemInfo,
  SystemVersion,
  Volume,
} from '@tdocker/api'
import { notFound } from '@tdocker/engine/base/errors.ts'
import type { Backend, Hijack, TarSource } from './backend.ts'

export interface Call {
  what: string
  args: unknown[]
}

export interface FakeBackend extends Backend {
  calls: Call[]
  /** What `attach` and `exec start` do with the connection. */
  onHijack(hijack: Hijack): Promise<void>
}

const id = 'ab'.repeat(32)
const pathStat = { name: 'x', size: 3, mode: 0o644, mtime: '2026-01-02T03:04:05Z', linkTarget: '' }
const imageId = `sha256:${'cd'.repeat(32)}`

function tarSource(): TarSource {
  return {
    stream: () => Readable.from([Buffer.from('tar')]),
    sendTo: async (fd) => void writeSync(fd, '3\r\ntar\r\n0\r\n\r\n'),
    close: async () => {},
  }
}

/** Replace single verbs by assignment: `backend.containers.start = …`. */
export function fakeBackend(): FakeBackend {
  const calls: Call[] = []
  const note =
    (what: string) =>
    async (...args: unknown[]): Promise<void> => {
      calls.push({ what, args })
      if (args[0] === 'missing') throw notFound(`No such container: missing`)
    }
  const backend: FakeBackend = {
    calls,
    onHijack: async () => {},
    containers: {
      create: async (o) => {
        await note('create')(o)
        return { Id: id, Warnings: [] }
      },
      addPorts: async (...args) => {
        await note('addPorts')(...args)
        return {}
      },
      removePorts: async (...args) => {
        await note('removePorts')(...args)
        return {}
      },
      dryRun: async (o) => {
        await note('dryRun')(o)
        return {} as ContainerDryRun
      },
      list: async (o) => {
        await note('list')(o)
        return [structuredClone(summary)]
      },
      inspect: async (name, o) => {
        await note('inspect')(name, o)
        return structuredClone(inspect)
      },
      start: note('start'),
      stop: note('stop'),
      restart: note('restart'),
      kill: note('kill'),
      rename: note('rename'),
      resize: note('resize'),
      remove: note('remove'),
      top: async (...args) => {
        await note('top')(...args)
        return { Titles: ['PID'], Processes: [['1']] }
      },
      wait: async (...args) => {
        await note('wait')(...args)
        return { result: Promise.resolve({ StatusCode: 3 }) }
      },
      logs: async (...args) => {
        await note('logs')(...args)
        return { tty: false, stream: Readable.from([Buffer.from('log')]) }
      },
      attach: async (name, o, hijack) => {
        await note('attach')(name, o)
        await backend.onHijack(hijack)
      },
      pause: note('pause'),
      unpause: note('unpause'),
      update: async (...args) => {
        await note('update')(...args)
        return { Warnings: [] }
      },
      stats: async (...args) => {
        await note('stats')(...args)
        return (async function* () {})()
      },
      changes: async (...args) => {
        await note('changes')(...args)
        return [{ Path: '/tmp/x', Kind: 1 }]
      },
      export: async (...args) => {
        await note('export')(...args)
        return tarSource()
      },
      commit: async (name, { signal: _signal, ...o }) => {
        await note('commit')(name, o)
        return imageId
      },
      statPath: async (...args) => {
        await note('statPath')(...args)
        return pathStat
      },
      getArchive: async (...args) => {
        await note('getArchive')(...args)
        return { stat: pathStat, archive: tarSource() }
      },
      putArchive: async (name, o) => {
        await note('putArchive')(name, o)
        if ('resume' in o.body) o.body.resume()
      },
      prune: async (...args) => {
        await note('prune')(...args)
        return { ContainersDeleted: [id], SpaceReclaimed: 7 }
      },
    },
    execs: {
      create: async (...args) => {
        await note('exec create')(...args)
        return { Id: id }
      },
      start: async (name, body, hijack) => {
        await note('exec start')(name, body)
        if (hijack) await backend.onHijack(hijack)
      },
      resize: note('exec resize'),
      inspect: async (...args) => {
        await note('exec inspect')(...args)
        return execInspect
      },
    },
    builds: {
      openSession: async (id, hijack) => {
        await note('build session')(id)
        await backend.onHijack(hijack)
      },
      build: async ({ signal: _signal, progress, body: _body, ...o }) => {
        await note('build')(o)
        progress({ stream: 'Step 1/1 : FROM scratch\n' })
        return imageId
      },
      takeOutput: async () => tarSource(),
      prune: async (o) => {
        await note('build prune')(o)
        return { CachesDeleted: null, SpaceReclaimed: 0 }
      },
      history: () => [],
      inspectHistory: (id) => {
        throw notFound(`No such build: ${id}`)
      },
    },
    images: {
      pull: async (o) => {
        await note('pull')(o)
        o.progress({ status: 'Pulling from library/busybox', id: 'latest' })
        o.progress({ status: 'Status: Image is up to date for busybox:latest' })
      },
      push: async (o) => {
        await note('push')(o)
        o.progress({ status: 'The push refers to repository [docker.io/library/busybox]' })
      },
      import: async (o) => {
        const chunks: Buffer[] = []
        const body = o.body instanceof Readable ? o.body : []
        for await (const chunk of body) chunks.push(chunk as Buffer)
        await note('import')({ ...o, body: Buffer.concat(chunks).toString() })
        o.progress({ status: imageId })
      },
      save: async (o) => {
        await note('save')(o)
        return tarSource()
      },
      load: async (o) => {
        await note('load')({ ...o, body: undefined })
        if ('resume' in o.body) o.body.resume()
        o.progress({ stream: 'Loaded image: busybox:latest\n' })
      },
      list: async (o) => {
        await note('image list')(o)
        return [structuredClone(image)]
      },
      inspect: async (...args) => {
        await note('image inspect')(...args)
        return structuredClone(imageInspect)
      },
      tag: note('tag'),
      history: async (...args) => {
        await note('history')(...args)
        return []
      },
      remove: async (...args) => {
        await note('image remove')(...args)
        return [{ Untagged: 'busybox:latest' }, { Deleted: imageId }]
      },
      prune: async (o) => {
        await note('image prune')(o)
        return { ImagesDeleted: [{ Deleted: imageId }], SpaceReclaimed: 7 }
      },
    },
    registries: {
      inspectDistribution: async (...args) => {
        await note('distribution inspect')(...args)
        const mediaType = 'application/vnd.oci.image.index.v1+json'
        return { Descriptor: { mediaType, digest: imageId, size: 7 }, Platforms: null }
      },
      referrers: async (...args) => {
        await note('referrers')(...args)
        const mediaType = 'application/vnd.oci.image.index.v1+json'
        return { schemaVersion: 2, mediaType, manifests: [] }
      },
      search: async (o) => {
        await note('search')(o)
        return []
      },
    },
    volumes: {
      list: async (o) => {
        await note('volume list')(o)
        return { Volumes: [volume], Warnings: null }
      },
      inspect: async (name) => {
        await note('volume inspect')(name)
        return volume
      },
      create: async (body) => {
        await note('volume create')(body)
        return volume
      },
      remove: note('volume remove'),
      prune: async (o) => {
        await note('volume prune')(o)
        return { VolumesDeleted: ['data'], SpaceReclaimed: 7 }
      },
    },
    networks: {
      list: async (o) => {
        await note('network list')(o)
        return []
      },
      inspect: async (...args) => {
        await note('network inspect')(...args)
        throw notFound(`network ${args[0]} not found`)
      },
      create: async (body) => {
        await note('network create')(body)
        return { Id: id, Warning: '' }
      },
      remove: note('network remove'),
      connect: note('network connect'),
      disconnect: note('network disconnect'),
      prune: async (o) => {
        await note('network prune')(o)
        return { NetworksDeleted: null }
      },
    },
    system: {
      info: async () => info,
      version: async () => version,
      diskUsage: async (o) => {
        await note('disk usage')(o)
        return {}
      },
      pruneContent: async () => ({ BlobsDeleted: [imageId], SpaceReclaimed: 7 }),
      imagesLastUsed: async () => [{ Id: imageId, LastUsed: '2026-01-02T03:04:05.000Z' }],
      fsck: async ({ deep, repair }) => {
        await note('fsck')({ deep, repair })
        return { Deep: deep, Owners: [], TotalBytes: 0, Findings: [] }
      },
      events: async function* (o) {
        await note('events')(o)
        yield [structuredClone(event)]
      },
      auth: async (config) => {
        await note('auth')(config)
        return { Status: 'Login Succeeded', IdentityToken: '' }
      },
    },
  }
  return backend
}

const volume: Volume = {
  CreatedAt: '2026-01-02T03:04:05Z',
  Driver: 'local',
  Labels: null,
  Mountpoint: '/volumes/data/_data',
  Name: 'data',
  Options: null,
  Scope: 'local',
}

const event: EventMessage = {
  Type: 'container',
  Action: 'start',
  Actor: { ID: id, Attributes: { image: 'busybox', name: 'one' } },
  scope: 'local',
  time: 1_700_000_000,
  timeNano: 1_700_000_000_123_456_789n,
}

const execInspect = {
  CanRemove: false,
  DetachKeys: '',
  ID: id,
  Running: true,
  ExitCode: null,
  ProcessConfig: { tty: false, entrypoint: 'sh', arguments: [] },
  OpenStdin: false,
  OpenStderr: true,
  OpenStdout: true,
  ContainerID: id,
  Pid: 1,
}

const image: ImageSummary = {
  Id: imageId,
  ParentId: '',
  RepoTags: ['busybox:latest'],
  RepoDigests: [],
  Created: 1_700_000_000,
  Size: 4_000_000,
  SharedSize: -1,
  Labels: null,
  Containers: 2,
  Descriptor: { mediaType: 'application/vnd.oci.image.manifest.v1+json', digest: imageId, size: 1 },
}

const imageInspect: ImageInspect = {
  Id: imageId,
  RepoTags: ['busybox:latest'],
  RepoDigests: [],
  Config: { Cmd: ['sh'] },
  Architecture: 'amd64',
  Os: 'linux',
  Size: 4_000_000,
  RootFS: { Type: 'layers', Layers: [imageId] },
  Metadata: { LastTagTime: '0001-01-01T00:00:00Z' },
}

const summary: ContainerSummary = {
  Id: id,
  Names: ['/one'],
  Image: 'busybox',
  ImageID: imageId,
  Command: 'sh',
  Created: 1_700_000_000,
  Ports: [{ PrivatePort: 80, Type: 'tcp', PublicPort: 8080, IP: '0.0.0.0' }],
  Labels: {},
  State: 'running',
  Status: 'Up 3 minutes',
  HostConfig: { NetworkMode: 'bridge', Annotations: { a: 'b' } },
  NetworkSettings: { Networks: {} },
  Mounts: [],
  Health: { Status: 'none', FailingStreak: 0 },
}

const inspect: ContainerInspectResponse = {
  Id: id,
  Created: '2026-01-01T00:00:00Z',
  Path: 'sh',
  Args: [],
  State: {
    Status: 'running',
    Running: true,
    Paused: false,
    Restarting: false,
    OOMKilled: false,
    Dead: false,
    Pid: 1,
    ExitCode: 0,
    Error: '',
    StartedAt: '2026-01-01T00:00:00Z',
    FinishedAt: '0001-01-01T00:00:00Z',
  },
  Image: imageId,
  ResolvConfPath: '',
  HostnamePath: '',
  HostsPath: '',
  LogPath: '',
  Name: '/one',
  RestartCount: 0,
  Driver: 'overlay2',
  Platform: 'linux',
  MountLabel: '',
  ProcessLabel: '',
  AppArmorProfile: '',
  ExecIDs: null,
  HostConfig: {},
  Mounts: [],
  Config: { Hostname: 'abababababab' },
  NetworkSettings: {
    SandboxID: '',
    SandboxKey: '',
    Ports: {},
    Networks: { bridge: { IPAddress: '172.17.0.2', IPPrefixLen: 16 }, own: { Aliases: ['web'] } },
  },
}

const version: SystemVersion = {
  Platform: { Name: 'tdocker' },
  Components: [
    {
      Name: 'Engine',
      Version: '0.1.0',
      Details: { ApiVersion: '1.56', MinAPIVersion: '1.24', Os: 'linux', Arch: 'amd64' },
    },
  ],
  Version: '0.1.0',
  ApiVersion: '1.56',
  MinAPIVersion: '1.24',
  GitCommit: '',
  GoVersion: '',
  Os: 'linux',
  Arch: 'amd64',
  KernelVersion: '6.1.0',
}

const commit = { ID: '' }

const info: SystemInfo = {
  ID: 'fake',
  Containers: 1,
  ContainersRunning: 1,
  ContainersPaused: 0,
  ContainersStopped: 0,
  Images: 1,
  Driver: 'overlay2',
  DriverStatus: [['Backing Filesystem', 'extfs']],
  DockerRootDir: '/var/lib/tdocker',
  Plugins: { Volume: ['local'], Network: ['bridge'], Authorization: [], Log: ['json-file'] },
  MemoryLimit: true,
  SwapLimit: true,
  CpuCfsPeriod: true,
  CpuCfsQuota: true,
  CPUShares: true,
  CPUSet: true,
  PidsLimit: true,
  OomKillDisable: false,
  IPv4Forwarding: true,
  Debug: false,
  NFd: 1,
  NGoroutines: 1,
  SystemTime: '2026-01-01T00:00:00Z',
  LoggingDriver: 'json-file',
  CgroupDriver: 'cgroupfs',
  CgroupVersion: '2',
  NEventsListener: 0,
  KernelVersion: '6.1.0',
  OperatingSystem: 'Debian GNU/Linux 12 (bookworm)',
  OSVersion: '12',
  OSType: 'linux',
  Architecture: 'x86_64',
  NCPU: 2,
  MemTotal: 4_000_000_000,
  IndexServerAddress: 'https://index.docker.io/v1/',
  RegistryConfig: { InsecureRegistryCIDRs: [], IndexConfigs: {}, Mirrors: [] },
  GenericResources: null,
  HttpProxy: '',
  HttpsProxy: '',
  NoProxy: '',
  Name: 'host',
  Labels: [],
  ExperimentalBuild: false,
  ServerVersion: '0.1.0',
  Runtimes: { tdocker: { path: 'tdocker-shim', status: {} } },
  DefaultRuntime: 'tdocker',
  Swarm: { LocalNodeState: 'inactive' },
  LiveRestoreEnabled: true,
  Isolation: '',
  InitBinary: '',
  ContainerdCommit: commit,
  RuncCommit: commit,
  InitCommit: commit,
  SecurityOptions: ['name=seccomp,profile=builtin'],
  ProductLicense: '',
  Warnings: [],
  NRI: {},
  Containerd: { Address: '', Namespaces: { Containers: '', Plugins: '' } },
}
