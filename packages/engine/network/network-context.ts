import type { Native } from '@tdocker/kernel'
import type { NewEvent } from '../event/event-log.ts'
import type { EventLog } from '../event/event-log.ts'
import type { Statement, Store } from '../store/store.ts'
import type { NetworkDirectory } from './directory.ts'
import type { NetworkDriver } from './drivers/driver.ts'
import type { Firewall } from './firewall.ts'
import type { HostFiles } from './host-files.ts'
import type { HostPorts } from './host-ports.ts'
import type { HostRules } from './host-rules.ts'
import type { AddressPool } from './ipam.ts'
import type { LinkReaper } from './link-reaper.ts'
import type { LiveNetwork } from './live-network.ts'
import type { NameTable } from './names.ts'
import type { NetnsPool } from './netns-pool.ts'
import type { NetworksConfig, NetworksLog } from './networks-config.ts'
import type { SandboxResolver } from './resolver.ts'

/** What the parts of the room share. */
export interface NetworkContext {
  native: Native
  store: Store
  config: NetworksConfig
  log: NetworksLog
  /** Hears of what happens; nothing is told without it. */
  events: Pick<EventLog, 'commit'> | undefined
  host: HostFiles
  directory: NetworkDirectory
  drivers: ReadonlyMap<string, NetworkDriver>
  firewall: Firewall
  rules: HostRules
  reaper: LinkReaper
  ports: HostPorts
  netns: NetnsPool
  names: NameTable
  /** Where subnets come from that nobody names. */
  pools: readonly AddressPool[]
  resolver: SandboxResolver | undefined
}

/** The driver of a network with endpoints; undefined for `host`, `none` and configuration networks. */
export function driverOf(
  ctx: Pick<NetworkContext, 'drivers'>,
  network: LiveNetwork,
): NetworkDriver | undefined {
  return network.config.configOnly ? undefined : ctx.drivers.get(network.driver)
}

export async function commit(
  ctx: NetworkContext,
  statements: readonly Statement[],
  events: readonly NewEvent[],
): Promise<void> {
  if (ctx.events !== undefined) return ctx.events.commit(statements, events)
  if (statements.length > 0) await ctx.store.write(statements)
}

export function networkEvent(
  network: LiveNetwork,
  action: 'create' | 'destroy' | 'connect' | 'disconnect',
  attributes: Record<string, string> = {},
): NewEvent {
  return {
    type: 'network',
    action,
    actorId: network.id,
    attributes: { ...attributes, name: network.name, type: network.driver },
  }
}
