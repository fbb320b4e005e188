import { parseFilters } from '@tdocker/api/filters.ts'
import { InvalidRequest } from '@tdocker/api/invalid.ts'
import { text } from '@tdocker/api/query.ts'
import type { NetworkBackend } from '../backend.ts'
import type { Exchange } from '../exchange.ts'
import type { Routes } from '../router.ts'

export function networkRoutes(networks: NetworkBackend): Routes {
  return {
    NetworkList: async (x) => {
      const filters = parseFilters(text(x.query, 'filters'), 'NetworkList')
      const attached = !x.since('networkSummaries')
      x.json(200, await networks.list({ filters, attached }))
    },
    NetworkInspect: async (x) => {
      const scope = text(x.query, 'scope')
      checkVerbose(x)
      const status = x.since('networkStatus')
      x.json(200, await networks.inspect(x.param('id'), { scope, status }))
    },
    NetworkCreate: async (x) => {
      const body = (await x.body(createRequest)) ?? {}
      if (!x.since('gwPriority')) delete body.EnableIPv4
      x.json(201, await networks.create(body))
    },
    NetworkDelete: async (x) => {
      await networks.remove(x.param('id'))
      x.empty(204)
    },
    NetworkConnect: async (x) => {
      const body = (await x.body(connectRequest)) ?? {}
      if (!x.since('connectMac')) delete body.EndpointConfig?.MacAddress
      await networks.connect(x.param('id'), body)
      x.empty(200)
    },
    NetworkDisconnect: async (x) => {
      await networks.disconnect(x.param('id'), (await x.body(disconnectRequest)) ?? {})
      x.empty(200)
    },
    NetworkPrune: {
      since: 'prune',
      handler: async (x) => {
        const filters = parseFilters(text(x.query, 'filters'), 'NetworkPrune')
        x.json(200, await networks.prune({ filters }))
      },
    },
  }
}

const schemas = () => import('@tdocker/api/schema/network.ts')
const createRequest = async () => (await schemas()).NetworkCreateRequest
const connectRequest = async () => (await schemas()).NetworkConnectRequest
const disconnectRequest = async () => (await schemas()).NetworkDisconnectRequest

/** Services of a swarm are what `verbose` would add. */
function checkVerbose(x: Exchange): void {
  const given = text(x.query, 'verbose')
  if (given === '' || /^(?:[01tTfF]|true|TRUE|True|false|FALSE|False)$/.test(given)) return
  throw new InvalidRequest(
    `invalid value for verbose: ${given}: strconv.ParseBool: parsing ${JSON.stringify(given)}: invalid syntax`,
  )
}
