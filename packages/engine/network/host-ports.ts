import { KernelError, type Native } from '@tdocker/kernel'
import { system, type EngineError } from '../base/errors.ts'
import { programAt } from './port-holder.ts'
import type { PortRequest, Protocol } from './port-request.ts'

export const ANY_ADDRESS = '0.0.0.0'
export const ANY_ADDRESS6 = '::'

/** How often an automatic choice meets a port that a host program holds before we give up. */
const MAX_EPHEMERAL_ATTEMPTS = 100
/** A shim dies a moment after its container: its port may be held a little longer than its row. */
const GRACE_MS = 1000
const GRACE_STEP_MS = 5

const SYSTEM_ERRORS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'address already in use',
  EADDRNOTAVAIL: 'cannot assign requested address',
  EACCES: 'permission denied',
  EPROTONOSUPPORT: 'protocol not supported',
  EAFNOSUPPORT: 'address family not supported by protocol',
}

export interface HostPort {
  protocol: Protocol
  hostAddress: string
  hostPort: number
}

/** A request whose ends are known. */
export interface PlannedPort extends PortRequest {
  /** The container's own where packets are routed to it: then no port of the host is needed. */
  hostAddress: string
  containerAddress: string
}

export interface ReservedPort extends HostPort {
  containerAddress: string
  containerPort: number
  /** The socket that holds the port; none for a routed one, or once it was closed. */
  fd: number | undefined
}

/** The ports of the host that containers hold. */
export class HostPorts {
  readonly #native: Pick<Native, 'bindPort' | 'closeFd'>
  readonly #ephemeral: () => EphemeralRange
  readonly #nameOf: (containerId: string) => string | undefined
  /** Ids of the containers that have them. */
  readonly #taken = new Map<string, string>()
  readonly #addresses = new Map<string, number>()
  readonly #freed = new Map<string, number>()
  readonly #lastOf = new Map<string, number>()

  constructor(
    native: Pick<Native, 'bindPort' | 'closeFd'>,
    ephemeral: () => EphemeralRange = () => ({ first: 32768, last: 60999, reserved: new Set() }),
    nameOf: (containerId: string) => string | undefined = () => undefined,
  ) {
    this.#native = native
    this.#ephemeral = ephemeral
    this.#nameOf = nameOf
  }

  /** Notes a port that a running container already holds. */
  adopt(port: HostPort & { containerId: string }): void {
    this.#mark(port, port.containerId)
  }

  /**
   * Reserves all requests or none. Throws moby's sentences: `Bind for A:P failed: port is already
   * allocated`, `failed to bind host port A:P/tcp: address already in use`, `all ports are allocated`;
   * the first two say who has it.
   */
  async reserve(requests: readonly PlannedPort[], containerId: string): Promise<ReservedPort[]> {
    const reserved: ReservedPort[] = []
    try {
      for (const group of groupsOf(requests)) {
        reserved.push(...(await this.#reserveGroup(group, containerId)))
      }
      return reserved
    } catch (error) {
      for (const port of reserved) {
        if (port.fd !== undefined) this.#native.closeFd(port.fd)
        this.#unmark(port)
      }
      throw error
    }
  }

  /** The port may be given to another container. Its sockets are the caller's business. */
  release(port: HostPort): void {
    this.#unmark(port)
    const now = Date.now()
    for (const [key, time] of this.#freed) if (now - time > GRACE_MS) this.#freed.delete(key)
    this.#freed.set(keyOf(port), now)
  }

  /** One host port for all host addresses of the group. */
  async #reserveGroup(group: PlannedPort[], containerId: string): Promise<ReservedPort[]> {
    const [first] = group
    if (first === undefined) return []
    if (isRouted(first)) return [routedPort(first)]
    const fixed = first.first !== 0 && first.first === first.last
    let attempts = 0
    for (const hostPort of this.#candidates(first)) {
      const clash = this.#clashOf(group, hostPort)
      if (clash !== undefined) {
        if (!fixed) continue
        throw clash
      }
      try {
        return await this.#bindAll(group, hostPort, containerId)
      } catch (error) {
        attempts++
        if (!isInUse(error)) throw error
        if (fixed) throw await withHolder(error as EngineError, first.protocol, hostPort)
        if (first.first === 0 && attempts >= MAX_EPHEMERAL_ATTEMPTS) throw error
      }
    }
    throw system('all ports are allocated')
  }

  /** What to say when another container has the port. */
  #clashOf(group: readonly PlannedPort[], hostPort: number): EngineError | undefined {
    for (const { protocol, hostAddress } of group) {
      const id = this.#holderOf({ protocol, hostAddress, hostPort })
      if (id === undefined) continue
      const holder = this.#nameOf(id)?.replace(/^\//, '') ?? id.slice(0, 12)
      const text = `Bind for ${hostAddress}:${hostPort} failed: port is already allocated`
      return system(`${text} (container ${holder})`)
    }
    return undefined
  }

  async #bindAll(
    group: readonly PlannedPort[],
    hostPort: number,
    containerId: string,
  ): Promise<ReservedPort[]> {
    const fds: number[] = []
    const ports = group.map(({ protocol, hostAddress, containerAddress, port }) => {
      const containerPort = port
      return { protocol, hostAddress, hostPort, containerAddress, containerPort }
    })
    // Marked before the first await: nobody else may choose it meanwhile.
    for (const port of ports) this.#mark(port, containerId)
    try {
      for (const port of ports) fds.push(await this.#bind(port))
    } catch (error) {
      for (const fd of fds) this.#native.closeFd(fd)
      for (const port of ports) this.#unmark(port)
      throw error
    }
    for (const request of group) this.#lastOf.set(rangeKey(request), hostPort)
    return ports.map((port, index) => ({ ...port, fd: fds[index] }))
  }

  async #bind(port: HostPort): Promise<number> {
    const { protocol, hostAddress: address, hostPort } = port
    const patience = (this.#freed.get(keyOf(port)) ?? -Infinity) + GRACE_MS
    while (true) {
      try {
        return this.#native.bindPort({ protocol, address, port: hostPort })
      } catch (error) {
        if (!(error instanceof KernelError)) throw error
        if (error.code !== 'EADDRINUSE' || Date.now() > patience) {
          const reason = SYSTEM_ERRORS[error.code] ?? error.code
          throw system(
            `failed to bind host port ${address}:${hostPort}/${protocol}: ${reason}`,
            error,
          )
        }
      }
      await new Promise((resolve) => setTimeout(resolve, GRACE_STEP_MS))
    }
  }

  /** Ports to try, starting after the last one given out of the same range. */
  *#candidates(request: PortRequest): Generator<number> {
    const ephemeral = this.#ephemeral()
    const automatic = request.first === 0
    const first = automatic ? ephemeral.first : request.first
    const last = automatic ? ephemeral.last : request.last
    const count = last - first + 1
    const start = (this.#lastOf.get(rangeKey(request)) ?? last) + 1
    for (let i = 0; i < count; i++) {
      const port = first + ((start - first + i) % count)
      if (automatic && ephemeral.reserved.has(port)) continue
      yield port
    }
  }

  /** A wildcard clashes with every address of its family at the port, and the other way round. */
  #holderOf({ protocol, hostAddress, hostPort }: HostPort): string | undefined {
    const v6 = hostAddress.includes(':')
    const any = v6 ? ANY_ADDRESS6 : ANY_ADDRESS
    const others = hostAddress === any ? this.#addresses.keys() : [hostAddress, any]
    for (const address of others) {
      if (address.includes(':') !== v6) continue
      const holder = this.#taken.get(keyOf({ protocol, hostAddress: address, hostPort }))
      if (holder !== undefined) return holder
    }
    return undefined
  }

  #mark(port: HostPort, containerId: string): void {
    const key = keyOf(port)
    if (this.#taken.has(key)) return
    this.#taken.set(key, containerId)
    this.#addresses.set(port.hostAddress, (this.#addresses.get(port.hostAddress) ?? 0) + 1)
  }

  #unmark(port: HostPort): void {
    if (!this.#taken.delete(keyOf(port))) return
    const left = (this.#addresses.get(port.hostAddress) ?? 1) - 1
    if (left > 0) this.#addresses.set(port.hostAddress, left)
    else this.#addresses.delete(port.hostAddress)
  }
}

/** The kernel's range for automatic choices (`ip_local_port_range`) and what it leaves out. */
export interface EphemeralRange {
  first: number
  last: number
  reserved: ReadonlySet<number>
}

/** Parses ip_local_port_range and ip_local_reserved_ports (ip(7), kernel ip-sysctl). */
export function parseEphemeralRange(range: string, reserved: string): EphemeralRange {
  const [first = 32768, last = 60999] = range.trim().split(/\s+/).map(Number)
  const ports = new Set<number>()
  for (const part of reserved.trim().split(',').filter(Boolean)) {
    const [from = 0, to = from] = part.split('-').map(Number)
    for (let port = from; port <= to; port++) ports.add(port)
  }
  return { first, last, reserved: ports }
}

/** Neighbours that differ only in their host address share one host port, as in Docker. */
function groupsOf(requests: readonly PlannedPort[]): PlannedPort[][] {
  const groups: PlannedPort[][] = []
  for (const request of requests) {
    const group = groups.at(-1)
    const [head] = group ?? []
    const fits =
      head !== undefined &&
      !isRouted(head) &&
      !isRouted(request) &&
      head.port === request.port &&
      rangeKey(head) === rangeKey(request) &&
      !group?.some((other) => other.hostAddress === request.hostAddress)
    if (fits) group?.push(request)
    else groups.push([request])
  }
  return groups
}

function isRouted({ hostAddress, containerAddress }: PlannedPort): boolean {
  return hostAddress === containerAddress
}

function routedPort({ protocol, hostAddress, containerAddress, port }: PlannedPort): ReservedPort {
  const containerPort = port
  return { protocol, hostAddress, hostPort: port, containerAddress, containerPort, fd: undefined }
}

function isInUse(error: unknown): boolean {
  return ((error as Error).cause as { code?: string } | undefined)?.code === 'EADDRINUSE'
}

async function withHolder(
  error: EngineError,
  protocol: Protocol,
  hostPort: number,
): Promise<EngineError> {
  return system(error.message + (await programAt(protocol, hostPort)), error.cause)
}

function rangeKey(request: PortRequest): string {
  return `${request.protocol} ${request.first}-${request.last}`
}

function keyOf({ protocol, hostAddress, hostPort }: HostPort): string {
  return `${protocol} ${hostAddress} ${hostPort}`
}
