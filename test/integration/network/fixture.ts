import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  createNetworks,
  type Networks,
  type NetworksConfig,
} from '@tdocker/engine/network/index.ts'
import type { PortKeeper, Sandbox, SandboxRequest } from '@tdocker/engine/container/needs.ts'
import { SqliteEventLog } from '@tdocker/engine/event/sqlite-event-log.ts'
import { openStore } from '@tdocker/engine/store/sqlite-store.ts'
import type { Store } from '@tdocker/engine/store/store.ts'
import type { Native } from '@tdocker/kernel'
import { loadNative } from '@tdocker/kernel/load-native.ts'
import { Namespace } from './namespace.ts'

export const native: Native = loadNative()
export const LAN_HOST = '198.51.100.1'

/** The network room on a database of its own, in the namespace of the test file. */
export class Rig implements AsyncDisposable {
  readonly store: Store
  readonly config: NetworksConfig
  networks: Networks
  readonly #dir: string
  readonly #containers = new Map<string, Container>()

  readonly #warn: (text: string) => void

  private constructor(config: NetworksConfig, warn: (text: string) => void) {
    this.#warn = warn
    this.#dir = mkdtempSync('/dev/shm/tdocker-network-')
    this.store = openStore({ path: join(this.#dir, 'state.db') })
    this.config = { bridge: 'tdnet0', table: 'tdnet', ...config }
    this.networks = this.#make()
  }

  static async start(
    config: NetworksConfig = {},
    warn: (text: string) => void = () => {},
  ): Promise<Rig> {
    execFileSync('ip', ['link', 'set', 'lo', 'up'])
    const rig = new Rig(config, warn)
    await rig.networks.restore(new Map())
    return rig
  }

  /** Subnet of a network. */
  subnet(name = 'bridge'): string | undefined {
    return this.networks.directory.byName(name)?.config.pools[0]?.subnet
  }

  /** A started container, with an agent in the place of its process. */
  async run(name: string, request: Partial<SandboxRequest> = {}): Promise<Container> {
    const whole = sandboxRequest(name, request)
    const sandbox = await this.networks.open(whole)
    const container = new Container(name, sandbox, whole)
    this.#containers.set(name, container)
    await container.ready
    return container
  }

  /** The container's process and its shim end while no daemon looks. */
  async die(container: Container): Promise<void> {
    this.#containers.delete(container.name)
    await container.close()
  }

  /** The container's process ends and the engine releases what it held. */
  async stop(container: Container): Promise<void> {
    await this.die(container)
    await this.networks.release(container.name)
  }

  /** The daemon is killed and starts again; containers in `alive` run on. */
  async crash(alive: readonly Container[]): Promise<void> {
    await this.reopen(new Map(alive.map(({ name, pid }) => [name, { pid }])))
  }

  /** The same for containers without a process of their own. */
  async reopen(alive: ReadonlyMap<string, { pid: number }>): Promise<void> {
    await this.networks.detach()
    this.networks = this.#make()
    await this.networks.restore(alive)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const container of this.#containers.values()) await this.stop(container)
    await this.networks.shutdown()
    await this.store.close()
    rmSync(this.#dir, { recursive: true })
  }

  #make(): Networks {
    return createNetworks({
      native,
      store: this.store,
      config: this.config,
      log: { info() {}, warn: (_, text) => this.#warn(text), error() {} },
      events: new SqliteEventLog(this.store),
    })
  }
}

export class Container extends Namespace {
  readonly sandbox: Sandbox
  readonly request: SandboxRequest
  readonly #added = new Map<string, number>()

  constructor(name: string, sandbox: Sandbox, request: SandboxRequest) {
    if (sandbox.netnsFd === undefined) throw new Error('no namespace of its own')
    super(name, sandbox.netnsFd)
    this.sandbox = sandbox
    this.request = request
  }

  get netnsFd(): number {
    return this.sandbox.netnsFd ?? -1
  }

  get address(): string {
    return this.sandbox.endpoints['bridge']?.IPAddress ?? ''
  }

  /** The host port of a published one. */
  hostPort(port: string): number {
    return Number(this.sandbox.ports[port]?.[0]?.HostPort)
  }

  /** In the place of a shim. */
  readonly keeper: PortKeeper = {
    holdPort: async ({ name }, fd) => {
      if (fd !== undefined) this.#added.set(name, native.dupFd(fd))
    },
    releasePort: async (name) => {
      const fd = this.#added.get(name) ?? this.#takeFirst(name)
      this.#added.delete(name)
      native.closeFd(fd)
    },
  }

  #takeFirst(name: string): number {
    const at = this.sandbox.heldPorts.findIndex((port) => port.name === name)
    const [port] = this.sandbox.heldPorts.splice(at, 1)
    assert.ok(at >= 0 && port, `${name} is not held`)
    return port.fd
  }

  override async close(): Promise<void> {
    await super.close()
    if (this.sandbox.netnsFd !== undefined) native.closeFd(this.sandbox.netnsFd)
    for (const fd of this.sandbox.holdFds) native.closeFd(fd)
    for (const { fd } of this.sandbox.heldPorts) native.closeFd(fd)
    for (const fd of this.#added.values()) native.closeFd(fd)
  }
}

export function sandboxRequest(
  name: string,
  request: Partial<SandboxRequest> = {},
): SandboxRequest {
  return {
    containerId: name,
    containerName: name,
    hostname: name,
    domainname: '',
    mode: 'bridge',
    networking: {},
    known: {},
    exposed: [],
    portBindings: {},
    publishAll: false,
    extraHosts: [],
    dns: [],
    dnsSearch: [],
    dnsOptions: [],
    sysctls: {},
    macAddress: '',
    ...request,
  }
}

/** A machine on the host's LAN (`LAN_HOST` is the host's address there), with routes to containers. */
export async function lanClient(): Promise<Namespace> {
  const fd = await native.netnsCreate({})
  const client = new Namespace('lan', fd)
  await client.ready
  native.closeFd(fd)
  ip('link', 'add', 'lan0', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', String(client.pid))
  ip('address', 'add', `${LAN_HOST}/24`, 'dev', 'lan0')
  ip('link', 'set', 'lan0', 'up')
  client.run('ip', 'address', 'add', '198.51.100.2/24', 'dev', 'eth0')
  client.run('ip', 'link', 'set', 'eth0', 'up')
  client.run('ip', 'route', 'add', '172.16.0.0/12', 'via', LAN_HOST)
  return client
}

/** br_netfilter sends neighbours on a bridge through the firewall; false where it is not loaded. */
export function setBridgeFilter(value: string): boolean {
  const path = '/proc/sys/net/bridge/bridge-nf-call-iptables'
  if (!existsSync(path)) return false
  writeFileSync(path, value)
  return true
}

export function ip(...args: string[]): string {
  return execFileSync('ip', args, { encoding: 'utf8' })
}

export function nft(...args: string[]): string {
  return execFileSync('nft', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
}
