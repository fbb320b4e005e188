import type { DnsOverrides, ResolvConf } from './resolv-conf.ts'

/** What the embedded DNS server must know of a container that it serves. */
export interface ResolverSandbox {
  containerId: string
  /** Networks whose names it sees, and its own words for others there: alias → name. */
  networks: () => ReadonlyArray<{ id: string; links: Readonly<Record<string, string>> }>
  /** False while all its networks are internal: then nothing is asked outside. */
  external: () => boolean
  /** The host's servers, options and search domains, and what the container wants instead. */
  host: ResolvConf
  overrides: DnsOverrides
  /** What `host.docker.internal` stands for. */
  hostGateways: readonly string[]
}

/**
 * The embedded DNS server as sandboxes need it. Containers on networks of users have one, where the
 * daemon has it; the default bridge never does.
 */
export interface SandboxResolver {
  /**
   * Serves a namespace. Answers what its resolv.conf says and the sockets that its shim is to hold,
   * from which a later daemon goes on.
   */
  open(
    sandbox: ResolverSandbox,
    netnsFd: number,
  ): Promise<{ resolvConf: ResolvConf; holdFds: number[] }>
  /** Goes on serving a container that outlived a daemon. */
  adopt(sandbox: ResolverSandbox, pid: number): Promise<void>
  /** Whether a container has one. */
  serves(containerId: string): boolean
  /** Fine when it is not served. */
  close(containerId: string): void
}
