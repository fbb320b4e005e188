/** What `container/` needs of the other rooms, declared by the consumer. */
import type { ContainerConfig, EndpointSettings, NetworkingConfig, PortMap } from '@tdocker/api'
import type { HeldPort } from '@tdocker/kernel/shim/plan.ts'
import type { ShimProcess } from '@tdocker/kernel/shim/shim.ts'
import type { ImageConfig } from '@tdocker/oci'
import type { NewEvent } from '../event/event-log.ts'
import type { Statement } from '../store/store.ts'

/** image/ */
export interface ImageSource {
  /**
   * By name, tag, digest, id or unique id prefix. Throws notFound `No such image: busybox:latest`
   * (familiar name as Docker prints it). `hold` is called in the turn in which the image was seen
   * to be there, by one who makes a container of it: from then on it is to stay.
   */
  resolve(
    reference: string,
    platform?: string,
    hold?: (imageId: string) => void,
  ): Promise<ResolvedImage>
  /** A container of the image was started. */
  used(imageId: string): void
}

/** image/: images of what containers have changed. */
export interface ImageCommits {
  /**
   * Name of an image to be made; undefined without `repo`. Throws invalidParameter for what is no
   * name and for digests.
   */
  target(repo: string, tag: string): CommitTarget | undefined
  /** Dockerfile instructions (`--change`) applied to a copy. Throws invalidParameter. */
  applyChanges(config: ContainerConfig, changes: readonly string[]): ContainerConfig
  /** Makes an image of `parentId` and one more layer, and answers its id. */
  commit(o: ImageCommit): Promise<string>
}

export interface CommitTarget {
  /** As people read it. */
  readonly name: string
}

export interface ImageCommit {
  /** Full id; the container that was made of it holds it. */
  parentId: string
  containerId: string
  containerConfig: ContainerConfig
  /** Of the new image. */
  config: ContainerConfig
  author: string
  comment: string
  target: CommitTarget | undefined
  /** The layer's tar. */
  diff: AsyncIterable<Uint8Array>
  signal: AbortSignal
  /** Asked when the tar is read, before anything is kept; throws when it is not to be. */
  check(): void
  /** Told last, in the transaction that makes the image. */
  event(imageId: string): NewEvent
}

export interface ResolvedImage {
  /** `sha256:…` of the config. */
  id: string
  config: ImageConfig
  /** Directories of the unpacked layers, topmost first, for overlay's lowerdir. */
  lowers: string[]
}

/** network/: one container's connection to the world. */
export interface NetworkSandboxes {
  /**
   * Checks the wish at create: aliases on the default bridge, bad port, bad address. Returns by
   * network what was asked for, and what `inspect` shows before the start.
   */
  plan(request: SandboxRequest): Promise<{
    asked: Record<string, EndpointSettings>
    endpoints: Record<string, EndpointSettings>
  }>
  /** Makes namespace, veth, addresses, ports. Everything is undone when it throws. */
  open(request: SandboxRequest): Promise<Sandbox>
  /** Frees addresses, ports and elements of a container; fine when there are none. Never slow. */
  release(containerId: string): Promise<void>
  /**
   * At daemon start: rebuilds bridges and the nft table from rows, keeps what belongs to `alive`,
   * frees the rest. `networks` are the names of those it is on, `resolver` is what it wants of DNS.
   */
  restore(
    alive: ReadonlyMap<
      string,
      {
        pid: number
        networks?: readonly string[]
        resolver?: Pick<SandboxRequest, 'dns' | 'dnsSearch' | 'dnsOptions'>
      }
    >,
  ): Promise<void>
  /** What a running container has; undefined when it has nothing. */
  endpointsOf(containerId: string): Record<string, EndpointSettings> | undefined
  /**
   * Whether a container that does not run may be given an endpoint: the network's name if it is
   * there, and what is to be noted. undefined when the container is on it already. Throws
   * invalidParameter with moby's sentences.
   */
  planConnect(
    request: SandboxRequest,
    reference: string,
    asked: EndpointSettings,
  ): { name: string; settings: EndpointSettings } | undefined
  /**
   * Gives a running container one more endpoint. Everything is undone when it throws. Answers the
   * DNS server that came with its first network of names.
   */
  connect(o: {
    request: SandboxRequest
    reference: string
    asked: EndpointSettings
    netnsFd: number
    keeper: PortKeeper
    /** Notes the endpoint; answers what to commit along with it. */
    record: (joined: JoinedEndpoint) => readonly Statement[]
  }): Promise<OpenedResolver | undefined>
  /** Takes an endpoint from a running container. Throws when it has none there. */
  disconnect(o: {
    request: SandboxRequest
    reference: string
    netnsFd: number
    keeper: PortKeeper
    record: (left: LeftEndpoint) => readonly Statement[]
  }): Promise<void>
  /** The ports of a running container become those of the request. All of it or nothing. */
  publish(o: {
    request: SandboxRequest
    keeper: PortKeeper
    /** These host ports go, also where the request would let them stay. */
    unpublish: PortMap
    /** Notes what is published now, and commits it along with the statements. */
    record: (ports: Sandbox['ports'], statements: readonly Statement[]) => Promise<void>
  }): Promise<void>
  /** How the network is called that a reference means; undefined when there is none. */
  nameOf(reference: string): string | undefined
  /** The container goes by another name; what to commit along with it. */
  rename(containerId: string, o: { name: string; hostname: string }): RenamedEndpoints
}

/** The embedded DNS server of a container that had none. */
export interface OpenedResolver {
  /** What its resolv.conf says from now on. */
  resolvConf: string
  /** For the shim; the caller closes its own copies. */
  holdFds: number[]
}

export interface JoinedEndpoint {
  name: string
  settings: EndpointSettings
  /** For the container's hosts file. */
  addresses: readonly string[]
  /** `NetworkSettings.Ports` from now on. */
  ports: Sandbox['ports']
}

/** Holds a running container's host ports: its shim. */
export type PortKeeper = Pick<ShimProcess, 'holdPort' | 'releasePort'>

export interface LeftEndpoint {
  name: string
  addresses: readonly string[]
  /** `NetworkSettings.Ports` from now on. */
  ports: Sandbox['ports']
}

export interface RenamedEndpoints {
  statements: readonly Statement[]
  /** New `DNSNames` by network. */
  names: Readonly<Record<string, string[]>>
  /** After the commit: the names answer. */
  apply(): void
}

export interface SandboxRequest {
  containerId: string
  containerName: string
  hostname: string
  domainname: string
  /** HostConfig.NetworkMode after defaults: `bridge`, `none`, `host` or a network name; never `container:`. */
  mode: string
  /** What was asked for, by network; nothing at all for the one of the mode. */
  networking: NetworkingConfig
  /** What `inspect` shows: endpoints of an earlier run know their networks' ids. */
  known: Readonly<Record<string, EndpointSettings>>
  /** `80/tcp` keys. */
  exposed: readonly string[]
  portBindings: PortMap
  publishAll: boolean
  /** HostConfig.ExtraHosts, Dns, DnsSearch, DnsOptions. */
  extraHosts: readonly string[]
  dns: readonly string[]
  dnsSearch: readonly string[]
  dnsOptions: readonly string[]
  sysctls: Readonly<Record<string, string>>
  macAddress: string
}

export interface Sandbox {
  /** Namespace to join; undefined for `host`. The caller closes it after the launch. */
  netnsFd: number | undefined
  /** Descriptors to be held by the shim; the caller closes its own copies after. */
  holdFds: number[]
  /** The same for reserved host ports. */
  heldPorts: Array<HeldPort & { fd: number }>
  endpoints: Record<string, EndpointSettings>
  /** `NetworkSettings.Ports`. */
  ports: Record<string, Array<{ HostIp: string; HostPort: string }> | null>
  /** Contents of the files bound over /etc. */
  hosts: string
  resolvConf: string
}

/** volume/ */
export interface Volumes {
  /**
   * Finds or makes a volume; an empty name makes an anonymous one. The statement list of the use
   * row is for the container's own transaction. Throws conflict when another driver holds the name.
   */
  acquire(o: {
    name: string
    driver: string
    labels: Record<string, string>
    options: Record<string, string>
  }): Promise<VolumeHandle>
  use(name: string, containerId: string): Statement
  /** Fills an empty volume, or `subpath` of it, from the image's directory (copy-up), once. */
  populate(
    volume: VolumeHandle,
    from: { root: number; path: string },
    subpath: string,
  ): Promise<void>
  /**
   * Makes a volume ready for `user`, a container or whoever looks into one, until its `unmount`.
   * `subpath`: '' for all of it.
   */
  mount(o: { name: string; subpath: string; user: string }): Promise<VolumeTree>
  unmount(user: string, names: Iterable<string>): Promise<void>
  /** Of `names`, those whose `VolumeTree` has a keeper; in the order in which a shim holds them. */
  keptMounted(names: Iterable<string>): string[]
  /** Takes over a keeper that a shim held while there was no daemon. */
  adopt(o: { name: string; user: string; keeper: number }): void
  /** Host directory of the volume's data. */
  mountpoint(name: string): string
  /** `rm -v`: removes the anonymous volumes of a container that nothing else uses. */
  removeAnonymousOf(containerId: string, names: readonly string[]): Promise<void>
}

/** What is to be mounted of a volume. */
export interface VolumeTree {
  /** A path of the host's, or a detached mount, which is the caller's to close. */
  source: { path: string } | { fd: number }
  directory: boolean
  /** Keeps the volume mounted as long as it is open; not the caller's. */
  keeper?: number
}

export interface VolumeHandle {
  name: string
  driver: string
  mountpoint: string
  anonymous: boolean
  /** True when this call made it (for rollback: `discard`). */
  created: boolean
  /** The use is recorded (or given up): the volume may be removed by others again. */
  release(): void
  discard(): Promise<void>
}

/** system/: sizes of directories, measured in the background and remembered. */
export interface DirectorySizes {
  /** What is known after `waitMs`, and the measured size however long it takes if nothing is. */
  get(dir: string, waitMs: number): Promise<number>
  /** What is known of each after `waitMs`; undefined for the others. */
  within(dirs: readonly string[], waitMs: number): Promise<Map<string, number | undefined>>
}
