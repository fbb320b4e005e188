import { KernelError } from '@tdocker/kernel'
import { system, type EngineError } from '../base/errors.ts'
import type { RollbackScope } from '../base/scope.ts'
import type { PortKeeper } from '../container/needs.ts'
import { sql, type Statement } from '../store/store.ts'
import { insertPort, movePort, type PortRow } from './endpoint-rows.ts'
import { isRouted } from './firewall-rules.ts'
import type { Gateways } from './gateways.ts'
import type { Held, Holding } from './holding.ts'
import type { PlannedPort, ReservedPort } from './host-ports.ts'
import type { NetworkContext } from './network-context.ts'
import { planPorts, portChanges, publisherOf } from './port-plan.ts'
import { portRequests, type PortWishes } from './port-request.ts'
import { heldPort, portRow } from './published-ports.ts'
import { forgetUdpFlows } from './udp-flows.ts'

/** What was changed, to be committed; everything else is undone by the scope that it was given. */
export interface RepublishedPorts {
  rows: PortRow[]
  statements: Statement[]
  /** After the commit: what is no longer published goes. */
  apply(): Promise<void>
}

/** The ports of a running container become those that it is to have; those that stay, stay open. */
export async function republish(
  ctx: NetworkContext,
  o: {
    holding: Holding
    wishes: PortWishes
    endpoints: readonly Held[]
    gateways: Gateways
    keeper: PortKeeper
    scope: RollbackScope
    /** Rows that are to go even where others of their kind stay. */
    goes?: (row: PortRow) => boolean
  },
): Promise<RepublishedPorts> {
  const { holding, endpoints, gateways, keeper, scope } = o
  const plan = planPorts(ctx, portRequests(o.wishes), endpoints, gateways)
  const { kept, added, dropped } = portChanges(holding.ports, plan, o.goes)
  const moved = kept.filter(({ old, next }) => old.containerAddress !== next.containerAddress)
  const publisher = publisherOf(endpoints, gateways)
  try {
    const reserved = await reservePorts(ctx, added, holding.containerId, scope)
    const newRows = reserved.map((port) => portRow(port, holding.containerId))
    for (const port of reserved) await hold(keeper, port, scope)
    for (const { old, next } of moved) await lead(keeper, old, next, scope)
    scope.undo('restore published ports', () => ctx.firewall.add(moved.map(({ old }) => old)))
    scope.undo('unpublish ports', () => ctx.firewall.removeLater(newRows))
    await ctx.firewall.add([...moved.map(({ next }) => next), ...newRows])
    forgetFlows(ctx, newRows)
    return {
      rows: [...kept.map(({ next }) => next), ...newRows],
      statements: [
        ...dropped.map(deletePort),
        ...moved.map(({ old, next }) => movePort(old, next.containerAddress)),
        ...newRows.map(insertPort),
      ],
      apply: () => {
        for (const port of reserved) closePort(ctx, port)
        return drop(ctx, keeper, dropped)
      },
    }
  } catch (error) {
    throw publisher === undefined ? error : connectivityError(holding.name, publisher.row.id, error)
  }
}

/** Reserved until the scope ends or the sockets are closed; the shim's copies hold them then. */
export async function reservePorts(
  ctx: NetworkContext,
  plan: readonly PlannedPort[],
  containerId: string,
  scope: RollbackScope,
): Promise<ReservedPort[]> {
  const reserved = await ctx.ports.reserve(plan, containerId)
  scope.undo('release ports', () => {
    for (const port of reserved) {
      closePort(ctx, port)
      ctx.ports.release(port)
    }
  })
  return reserved
}

export function closePort(ctx: Pick<NetworkContext, 'native'>, port: ReservedPort): void {
  if (port.fd !== undefined) ctx.native.closeFd(port.fd)
  port.fd = undefined
}

/** In the background: the kernel takes its time. */
export function forgetFlows(ctx: NetworkContext, ports: readonly PortRow[]): void {
  forgetUdpFlows(ctx.native, ports).catch((error: unknown) =>
    ctx.log.warn({ err: error }, 'cannot delete UDP flows from connection tracking'),
  )
}

export function connectivityError(name: string, endpointId: string, cause: unknown): EngineError {
  const container = name.replace(/^\//, '')
  return system(
    'driver failed programming external connectivity on ' +
      `endpoint ${container} (${endpointId}): ${(cause as Error).message}`,
    cause,
  )
}

async function hold(keeper: PortKeeper, port: ReservedPort, scope: RollbackScope): Promise<void> {
  if (port.fd === undefined) return
  const held = heldPort(port)
  await keeper.holdPort(held, port.fd).catch(withAdvice)
  scope.undo('take a port from the shim', () => keeper.releasePort(held.name))
}

/** What the shim carries goes to the container's other address. */
async function lead(
  keeper: PortKeeper,
  old: PortRow,
  next: PortRow,
  scope: RollbackScope,
): Promise<void> {
  if (heldPort(next).serve === undefined) return
  scope.undo('lead a port back', () => keeper.holdPort(heldPort(old)))
  await keeper.holdPort(heldPort(next)).catch(withAdvice)
}

async function drop(
  ctx: NetworkContext,
  keeper: PortKeeper,
  dropped: readonly PortRow[],
): Promise<void> {
  if (dropped.length === 0) return
  ctx.firewall.removeLater(dropped)
  await ctx.firewall.flush()
  for (const row of dropped) {
    if (!isRouted(row))
      await keeper.releasePort(heldPort(row).name).catch((error: unknown) => {
        // Held by a shim of an earlier version, as long as the container runs.
        ctx.log.warn({ err: error, container: row.containerId }, 'cannot give up a host port')
      })
    ctx.ports.release(row)
  }
  forgetFlows(ctx, dropped)
}

function withAdvice(error: unknown): never {
  if (!(error instanceof KernelError) || error.code !== 'ENOSYS') throw error
  throw system('the container was started by an earlier version: restart it first', error)
}

function deletePort({ protocol, hostAddress, hostPort }: PortRow): Statement {
  return sql`DELETE FROM port
    WHERE protocol = ${protocol} AND host_address = ${hostAddress} AND host_port = ${hostPort}`
}
