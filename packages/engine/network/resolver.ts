import type { DnsOverrides, ResolvConf } from './resolv-conf.ts'

/** What the embedded DNS server must know of a container that it serves. */
export interface ResolverSandbox {
  containerId: string
  /** Ids of the networks whose names it sees. */
  networks: () => readonly string[]
  /** Its own words for others: alias → name. */
  links: () => Readonly<Record<string, string>>
  /** False while all its networks are internal: then nothing is asked outside. */
  external: () => boolean
  /** The host's servers, options and search domains, and what the container wants instead. */
  host: ResolvConf
  overrides: DnsOverrides
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
  /** Fine when it is not served. */
  close(containerId: string): void
}
