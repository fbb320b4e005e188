import type { Family } from './address.ts'
import type { Gateways } from './gateways.ts'
import type { Held } from './holding.ts'
import type { PortRow } from './endpoint-rows.ts'
import { ANY_ADDRESS, ANY_ADDRESS6, type PlannedPort } from './host-ports.ts'
import { driverOf, type NetworkContext } from './network-context.ts'
import type { PortRequest } from './port-request.ts'

type PlanContext = Pick<NetworkContext, 'drivers' | 'config' | 'host'>

/** What becomes of one family's ports on one endpoint. */
interface Way {
  family: Family
  /** Where they lead; empty for nowhere. */
  containerAddress: string
  routed: boolean
}

/**
 * What is to be published, by moby's rules (libnetwork's ProgramExternalConnectivity and
 * sortAndNormPBs): ports lead to the endpoints that packets leave through, those of routed networks
 * to all of these, and one without an address of the host's is there for both families.
 */
export function planPorts(
  ctx: PlanContext,
  requests: readonly PortRequest[],
  endpoints: readonly Held[],
  gateways: Gateways,
): PlannedPort[] {
  return endpoints.flatMap((held) => {
    const driver = driverOf(ctx, held.network)
    if (held.plain || driver === undefined || !driver.publishes(held.network)) return []
    const usual = driver.hostAddress(held.network) || ctx.config.hostAddress || ANY_ADDRESS
    const ways = waysOf(ctx, held, gateways)
    return requests.flatMap((request) =>
      ways.flatMap((way) => plannedPort(ctx, request, way, usual) ?? []),
    )
  })
}

/** Whose fault it is when they cannot be published. */
export function publisherOf(endpoints: readonly Held[], gateways: Gateways): Held | undefined {
  return endpoints.find(({ row }) => row.id === (gateways[4] ?? gateways[6]))
}

function waysOf(ctx: PlanContext, { network, row }: Held, gateways: Gateways): Way[] {
  const routed = (family: Family): boolean =>
    driverOf(ctx, network)?.routes(network, family) ?? false
  const leads4 = gateways[4] === row.id
  const leads6 = gateways[6] === row.id || (gateways[6] === undefined && leads4)
  const [routed4, routed6] = [routed(4), routed(6)]
  const ways: Way[] = []
  if (leads4 || routed4) ways.push({ family: 4, containerAddress: row.address, routed: routed4 })
  if (leads6 || routed6) {
    // Nothing in the kernel rewrites IPv6 to IPv4: there the shim carries what comes.
    const carried = row.address6 === '' && leads4 && (ctx.config.userlandProxy ?? true)
    const containerAddress = carried ? row.address : row.address6
    ways.push({ family: 6, containerAddress, routed: routed6 && !carried })
  }
  return ways.filter(({ containerAddress }) => containerAddress !== '')
}

function plannedPort(
  ctx: PlanContext,
  request: PortRequest,
  { family, containerAddress, routed }: Way,
  usual: string,
): PlannedPort | undefined {
  const hostAddress = hostAddressFor(ctx, request.hostAddress, family, usual)
  if (hostAddress === undefined) return undefined
  const port = { ...request, containerAddress }
  if (!routed) return { ...port, hostAddress }
  // Packets come to the container's own address: there is no host port.
  return { ...port, hostAddress: containerAddress, first: request.port, last: request.port }
}

/** undefined: the wish does not concern the family. */
function hostAddressFor(
  ctx: PlanContext,
  wanted: string,
  family: Family,
  usual: string,
): string | undefined {
  const address = wanted || usual
  if (familyOf(address) === family) return address
  const anywhere = wanted === '' && usual === ANY_ADDRESS
  return family === 6 && anywhere && ctx.host.ipv6 ? ANY_ADDRESS6 : undefined
}

function familyOf(address: string): Family {
  return address.includes(':') ? 6 : 4
}

/** From what is published to what is planned. */
export interface PortChanges {
  /** In the order of the plan; host ports stay as they are. */
  kept: Array<{ old: PortRow; next: PortRow }>
  added: PlannedPort[]
  dropped: PortRow[]
}

export function portChanges(
  rows: readonly PortRow[],
  plan: readonly PlannedPort[],
  goes: (row: PortRow) => boolean = () => false,
): PortChanges {
  const byWish = new Map<string, PortRow[]>()
  for (const row of rows) {
    if (goes(row)) continue
    const group = byWish.get(wishKey(row))
    if (group === undefined) byWish.set(wishKey(row), [row])
    else group.push(row)
  }
  const changes: PortChanges = { kept: [], added: [], dropped: [] }
  for (const planned of plan) {
    const group = byWish.get(wishKey({ ...planned, containerPort: planned.port })) ?? []
    const at = group.findIndex(({ hostPort }) => fits(planned, hostPort))
    const [old] = at < 0 ? [] : group.splice(at, 1)
    if (old === undefined) changes.added.push(planned)
    else changes.kept.push({ old, next: { ...old, containerAddress: planned.containerAddress } })
  }
  changes.dropped = [...rows.filter(goes), ...[...byWish.values()].flat()]
  return changes
}

function fits({ first, last }: PlannedPort, hostPort: number): boolean {
  return first === 0 || (first <= hostPort && hostPort <= last)
}

function wishKey(o: Pick<PortRow, 'protocol' | 'containerPort' | 'hostAddress'>): string {
  return `${o.protocol} ${o.containerPort} ${o.hostAddress}`
}
