import type { EndpointSettings } from '@tdocker/api'
import { endpointSettings } from './endpoint-settings.ts'
import type { EndpointRow, PortRow } from './endpoint-rows.ts'
import { chooseGateways, type Gateways } from './gateways.ts'
import type { LiveNetwork } from './live-network.ts'
import { driverOf, type NetworkContext } from './network-context.ts'

/** One endpoint of a running container. */
export interface Held {
  network: LiveNetwork
  row: EndpointRow
  /** On `host` and `none` there is nothing that a row would have to own. */
  plain: boolean
}

/** What one container holds while it runs. */
export interface Holding {
  containerId: string
  name: string
  /** In the order in which they came. */
  endpoints: Held[]
  ports: PortRow[]
  gateways: Gateways
}

export function newHolding(containerId: string, name: string): Holding {
  return { containerId, name, endpoints: [], ports: [], gateways: { 4: undefined, 6: undefined } }
}

/** Who carries the default routes among these endpoints. */
export function gatewaysOf(ctx: NetworkContext, endpoints: readonly Held[]): Gateways {
  return chooseGateways(
    endpoints
      .filter(({ plain }) => !plain)
      .map(({ network, row }) => {
        const driver = driverOf(ctx, network)
        const out = driver?.leadsOut(network) ?? false
        return {
          id: row.id,
          network: network.name,
          priority: row.detail.gatewayPriority,
          internal: network.internal,
          4: row.address !== '' && (out || driver?.gateway(network, 4) !== undefined),
          6: row.address6 !== '' && (out || driver?.gateway(network, 6) !== undefined),
        }
      }),
  )
}

/** Default routes that a new interface brings along. */
export function familiesOf(gateways: Gateways, endpointId: string): Set<4 | 6> {
  return new Set(([4, 6] as const).filter((family) => gateways[family] === endpointId))
}

/** What `inspect` shows of an endpoint that is there. */
export function shownEndpoint(
  ctx: NetworkContext,
  { network, row }: Held,
  asked: EndpointSettings | undefined,
): EndpointSettings {
  const driver = driverOf(ctx, network)
  const length = (text: string): number | undefined => network.poolOf(text)?.space.subnet.length
  const [gateway, gateway6] = ([4, 6] as const).map((family) => {
    const text = driver?.gateway(network, family)
    return text === '0.0.0.0' || text === '::' ? undefined : text
  })
  const [length4, length6] = [length(row.address), length(row.address6)]
  return endpointSettings(asked, {
    networkId: network.id,
    endpointId: row.id,
    mac: row.mac,
    names: network.predefined ? null : row.detail.names,
    ...(gateway === undefined || row.address === '' ? {} : { gateway }),
    ...(gateway6 === undefined || row.address6 === '' ? {} : { gateway6 }),
    ...(length4 === undefined ? {} : { address: row.address, prefixLength: length4 }),
    ...(length6 === undefined ? {} : { address6: row.address6, prefixLength6: length6 }),
  })
}
