import type { Family } from '../address.ts'
import type { EndpointRow } from '../endpoint-rows.ts'
import type { HostView } from '../host-view.ts'
import type { LiveNetwork } from '../live-network.ts'
import type { FirewallNetwork } from '../network-chains.ts'
import type { NetworkConfig } from '../network-rows.ts'

/** What a network is before it has an id on the host. */
export type NetworkDraft = Pick<NetworkConfig, 'options' | 'internal' | 'enableIPv4' | 'enableIPv6'>

/** One endpoint on its way into a namespace. */
export interface Attachment {
  row: EndpointRow
  netnsFd: number
  /** Families whose default route goes this way. */
  gatewayFor: ReadonlySet<Family>
}

/** What one kind of network does on the host. The engine room decides when. */
export interface NetworkDriver {
  /** Throws for options that it cannot serve, before anything is allocated. */
  check(draft: NetworkDraft): void
  /** Whether an address of the family's subnet is kept for a gateway nobody named. */
  takesGateway(draft: NetworkDraft, family: Family): boolean
  /**
   * Once, when the network is made: throws when it cannot be beside the others, and notes in
   * `config` what of the host it does not own.
   */
  claim(network: LiveNetwork, host: HostView): void
  /**
   * Makes the devices that the network needs, or brings them back; fine when all is there. Notes in
   * `config` what is to be removed with it.
   */
  open(network: LiveNetwork, host: HostView): Promise<void>
  /** Its part of the packet rules; undefined for none. */
  rules(network: LiveNetwork): FirewallNetwork | undefined
  /** Takes the devices off the host. Fine when nothing is there. */
  close(network: LiveNetwork): Promise<void>
  /** Prefix of interface names inside: `eth`. */
  interfacePrefix(network: LiveNetwork): string
  /** The default route's next hop; `0.0.0.0` or `::` for the link itself, undefined for none. */
  gateway(network: LiveNetwork, family: Family): string | undefined
  /** Whether its containers reach beyond it without such a route of ours. */
  leadsOut(network: LiveNetwork): boolean
  /** Whether host ports can lead to its containers. */
  publishes(network: LiveNetwork): boolean
  /** Whether published ports are reached under the containers' own addresses instead. */
  routes(network: LiveNetwork, family: Family): boolean
  /** Host address of ports published without one; undefined for the daemon's. */
  hostAddress(network: LiveNetwork): string | undefined
  /** Makes the interface. Undone by itself when it throws. */
  attach(network: LiveNetwork, attachment: Attachment): Promise<void>
  /**
   * After a daemon's death: the interface of a running container is there and in its network, or
   * `attach` makes it anew.
   */
  repair(
    network: LiveNetwork,
    row: EndpointRow,
    host: HostView,
    attach: () => Promise<void>,
  ): Promise<void>
  /** The container has ended, and usually took its namespace along. Never slow. */
  forget(row: EndpointRow): void
  /** Takes it away while the namespace lives. Fine when it is not there. */
  detach(network: LiveNetwork, row: EndpointRow, netnsFd: number): Promise<void>
}
