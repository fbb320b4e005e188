import { readFileSync } from 'node:fs'
import type { DnsSettings, DnsSockets, Native } from '@tdocker/kernel'
import type { NameChange, NameTable } from '../names.ts'
import type { ResolvConf } from '../resolv-conf.ts'
import type { ResolverSandbox, SandboxResolver } from '../resolver.ts'
import { internalConf, type InternalConf } from './internal-conf.ts'
import { resolverRules } from './rules.ts'

/** The host as its containers call it, where they can reach it. */
const HOST_NAME = 'host.docker.internal'

type DnsNative = Pick<
  Native,
  | 'closeFd'
  | 'dnsClose'
  | 'dnsConfigure'
  | 'dnsForget'
  | 'dnsName'
  | 'dnsServe'
  | 'dnsSockets'
  | 'dnsSocketsOf'
  | 'nft'
  | 'nsOpen'
>

interface Served {
  sandbox: ResolverSandbox
  conf: InternalConf
}

/**
 * The embedded DNS server. Questions are answered on a thread of the addon; this tells it which
 * sockets to serve, who is called what, and whom else to ask.
 */
export class EmbeddedDns implements SandboxResolver {
  readonly #native: DnsNative
  readonly #names: NameTable
  readonly #nameOf: (networkId: string) => string
  readonly #log: { warn(o: object, text: string): void }
  readonly #served = new Map<string, Served>()
  /** Whose endpoint it is. */
  readonly #owners = new Map<string, string>()

  constructor(o: {
    native: DnsNative
    names: NameTable
    nameOf: (networkId: string) => string
    log: { warn(o: object, text: string): void }
  }) {
    this.#native = o.native
    this.#names = o.names
    this.#nameOf = o.nameOf
    this.#log = o.log
    this.#names.onChange((change) => this.#follow(change))
  }

  async open(
    sandbox: ResolverSandbox,
    netnsFd: number,
  ): Promise<{ resolvConf: ResolvConf; holdFds: number[] }> {
    const sockets = await this.#makeSockets(netnsFd)
    const conf = this.#serve(sandbox, sockets)
    return { resolvConf: conf.resolvConf, holdFds: [sockets.udpFd, sockets.tcpFd] }
  }

  async adopt(sandbox: ResolverSandbox, pid: number): Promise<void> {
    const sockets = (await this.#heldSockets(sandbox, pid)) ?? (await this.#newSockets(pid))
    try {
      this.#serve(sandbox, sockets)
    } finally {
      this.#closeAll(sockets)
    }
  }

  serves(containerId: string): boolean {
    return this.#served.has(containerId)
  }

  close(containerId: string): void {
    if (this.#served.delete(containerId)) this.#native.dnsClose(containerId)
  }

  #serve(sandbox: ResolverSandbox, { udpFd, tcpFd }: DnsSockets): InternalConf {
    const conf = internalConf(sandbox.host, sandbox.overrides)
    const served = { sandbox, conf }
    this.#native.dnsServe({ id: sandbox.containerId, udpFd, tcpFd, ...settingsOf(served) })
    this.#served.set(sandbox.containerId, served)
    return conf
  }

  async #makeSockets(netnsFd: number, replaces = false): Promise<DnsSockets> {
    const sockets = await this.#native.dnsSockets(netnsFd)
    try {
      await this.#native.nft(resolverRules(sockets, replaces), netnsFd)
      return sockets
    } catch (error) {
      this.#closeAll(sockets)
      throw error
    }
  }

  /** Where the shim holds none: questions that came meanwhile are lost. */
  async #newSockets(pid: number): Promise<DnsSockets> {
    const netnsFd = this.#native.nsOpen(pid, 'net')
    try {
      return await this.#makeSockets(netnsFd, true)
    } finally {
      this.#native.closeFd(netnsFd)
    }
  }

  async #heldSockets(
    { containerId }: ResolverSandbox,
    pid: number,
  ): Promise<DnsSockets | undefined> {
    try {
      // The shim is the parent of the container's process.
      return await this.#native.dnsSocketsOf(parentOf(pid))
    } catch (err) {
      this.#log.warn({ err, container: containerId }, 'the shim does not give its DNS sockets')
      return undefined
    }
  }

  #closeAll({ udpFd, tcpFd }: DnsSockets): void {
    this.#native.closeFd(udpFd)
    this.#native.closeFd(tcpFd)
  }

  #follow({ networkId, endpointId }: NameChange): void {
    const record = this.#names.record(networkId, endpointId)
    const owner = record?.containerId ?? this.#owners.get(endpointId)
    if (record === undefined) {
      this.#owners.delete(endpointId)
      this.#native.dnsForget({ networkId, endpointId })
    } else {
      this.#owners.set(endpointId, record.containerId)
      this.#native.dnsName({
        networkId,
        networkName: this.#nameOf(networkId).toLowerCase(),
        endpointId,
        names: record.names.filter((name) => name !== '').map((name) => name.toLowerCase()),
        addresses: record.addresses,
      })
    }
    const served = owner === undefined ? undefined : this.#served.get(owner)
    if (served !== undefined)
      this.#native.dnsConfigure({ id: served.sandbox.containerId, ...settingsOf(served) })
  }
}

function settingsOf({ sandbox, conf }: Served): DnsSettings {
  const external = sandbox.external()
  return {
    networks: sandbox.networks().map(({ id, links }) => ({
      id,
      aliases: Object.entries(links).map(([alias, name]) => ({
        alias: alias.toLowerCase(),
        name: name.toLowerCase(),
      })),
    })),
    fixed:
      external && sandbox.hostGateways.length > 0
        ? [{ name: HOST_NAME, addresses: sandbox.hostGateways }]
        : [],
    upstreams: conf.upstreams,
    external,
    ndots: conf.ndots,
  }
}

/** The fourth field of /proc/PID/stat, behind a name that may hold anything (proc_pid_stat(5)). */
function parentOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
}
