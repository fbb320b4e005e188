import type { EndpointSettings } from '@tdocker/api'
import { forbidden, invalidParameter, system } from '../base/errors.ts'
import { RollbackScope } from '../base/scope.ts'
import type {
  JoinedEndpoint,
  LeftEndpoint,
  OpenedResolver,
  RenamedEndpoints,
  SandboxRequest,
} from '../container/needs.ts'
import { sql, type Statement } from '../store/store.ts'
import { endpointProblems } from './endpoint-check.ts'
import { endpointSettings } from './endpoint-settings.ts'
import { deleteEndpoint, insertEndpoint, movePorts, updateEndpointDetail } from './endpoint-rows.ts'
import type { Gateways } from './gateways.ts'
import { gatewaysOf, publisherOf, shownEndpoint, type Held, type Holding } from './holding.ts'
import type { LiveNetwork } from './live-network.ts'
import { commit, driverOf, networkEvent, type NetworkContext } from './network-context.ts'
import { endpointNames, newEndpoint } from './new-endpoint.ts'
import type { Sandboxes } from './sandboxes.ts'

const SHARED =
  'container sharing network namespace with another container or host cannot be connected to any other network'

/** Endpoints that come and go while their containers run. */
export class LiveEndpoints {
  readonly #ctx: NetworkContext
  readonly #sandboxes: Sandboxes

  constructor(ctx: NetworkContext, sandboxes: Sandboxes) {
    this.#ctx = ctx
    this.#sandboxes = sandboxes
  }

  /** For one that does not run. A network that is not there yet is the start's matter. */
  plan(
    request: SandboxRequest,
    reference: string,
    asked: EndpointSettings,
  ): { name: string; settings: EndpointSettings } | undefined {
    const network = this.#ctx.directory.find(reference)
    if (network === undefined)
      return { name: reference, settings: endpointSettings(asked, undefined) }
    checkSettings(network, asked)
    if (!checkCompany(this.#ctx, request, network)) return undefined
    const settings = endpointSettings(asked, undefined)
    if (!network.predefined) settings.DNSNames = endpointNames(request, asked.Aliases ?? [])
    return { name: network.name, settings }
  }

  async connect(o: {
    request: SandboxRequest
    reference: string
    asked: EndpointSettings
    netnsFd: number
    record: (joined: JoinedEndpoint) => readonly Statement[]
  }): Promise<OpenedResolver | undefined> {
    const ctx = this.#ctx
    const { request, asked, netnsFd } = o
    const network = ctx.directory.get(o.reference)
    checkSettings(network, asked)
    checkCompany(ctx, request, network)
    const holding = this.#sandboxes.get(request.containerId)
    if (holding === undefined) throw system(`no sandbox for container ${request.containerId}`)
    const name = request.containerName
    if (holding.endpoints.some((held) => held.network === network))
      throw forbidden(`endpoint with name ${name} already exists in network ${network.name}`)
    const driver = driverOf(ctx, network)
    if (driver === undefined && !network.config.configOnly) throw invalidParameter(SHARED)

    await using scope = new RollbackScope((what, error) =>
      ctx.log.warn({ err: error, container: request.containerId }, `cannot ${what}`),
    )
    const row = newEndpoint({
      request,
      network,
      asked,
      interfaces: new Set(holding.endpoints.map((held) => held.row.detail.interface)),
      prefix: driver?.interfacePrefix(network) ?? 'eth',
    })
    scope.undo('free addresses', () => network.drop(row))
    const held: Held = { network, row, plain: false }
    row.detail.pending = true
    await ctx.store.write([insertEndpoint(row)])
    scope.undo('delete row', () => ctx.store.write([deleteEndpoint(row.id)]))
    await driver!.attach(network, { row, netnsFd, gatewayFor: new Set() })
    scope.undo('remove interface', () => driver!.detach(network, row, netnsFd))
    const endpoints = [...holding.endpoints, held]
    const moved = await this.#moveGateways(holding, endpoints, netnsFd)
    scope.undo('restore routes', () => moved.undo())

    delete row.detail.pending
    const statements = o.record({
      name: network.name,
      settings: shownEndpoint(ctx, held, asked),
      addresses: addressesOf(held),
    })
    const event = networkEvent(network, 'connect', { container: request.containerId })
    await commit(ctx, [updateEndpointDetail(row), ...moved.statements, ...statements], [event])
    holding.endpoints = endpoints
    moved.apply()
    this.#sandboxes.publishNames(held)
    scope.release()
    return this.#openResolver(request, holding, netnsFd)
  }

  /** For the first network with names; the container is connected also where that fails. */
  async #openResolver(
    request: SandboxRequest,
    holding: Holding,
    netnsFd: number,
  ): Promise<OpenedResolver | undefined> {
    const { resolver, log } = this.#ctx
    if (resolver === undefined || resolver.serves(request.containerId)) return undefined
    try {
      return await this.#sandboxes.openResolver(request, holding, netnsFd)
    } catch (err) {
      log.warn({ err, container: request.containerId }, 'no embedded DNS server')
      return undefined
    }
  }

  async disconnect(o: {
    containerId: string
    reference: string
    netnsFd: number
    record: (left: LeftEndpoint) => readonly Statement[]
  }): Promise<void> {
    const ctx = this.#ctx
    const network = ctx.directory.get(o.reference)
    const holding = this.#sandboxes.get(o.containerId)
    const held = holding?.endpoints.find((candidate) => candidate.network === network)
    if (holding === undefined || held === undefined)
      throw system(`container ${o.containerId} is not connected to network ${network.name}`)
    const { row } = held
    await using scope = new RollbackScope((what, error) =>
      ctx.log.warn({ err: error, container: o.containerId }, `cannot ${what}`),
    )
    const endpoints = holding.endpoints.filter((other) => other !== held)
    if (!held.plain) {
      const driver = driverOf(ctx, network)
      await driver?.detach(network, row, o.netnsFd)
      scope.undo('bring the interface back', () =>
        driver?.attach(network, { row, netnsFd: o.netnsFd, gatewayFor: new Set() }),
      )
    }
    const moved = await this.#moveGateways(holding, endpoints, o.netnsFd)
    scope.undo('restore routes', () => moved.undo())
    const statements = o.record({
      name: network.name,
      addresses: addressesOf(held),
      unpublished: moved.unpublished,
    })
    const event = networkEvent(network, 'disconnect', { container: o.containerId })
    await commit(ctx, [deleteEndpoint(row.id), ...moved.statements, ...statements], [event])
    holding.endpoints = endpoints
    moved.apply()
    ctx.names.delete(network.id, row.id)
    network.drop(row)
    scope.release()
  }

  rename(
    containerId: string,
    { name, hostname }: { name: string; hostname: string },
  ): RenamedEndpoints {
    const holding = this.#sandboxes.get(containerId)
    const own = (holding?.endpoints ?? []).filter(({ plain }) => !plain)
    const renamed = own.map((held) => ({ held, detail: renamedDetail(held, name, hostname) }))
    return {
      statements: renamed.map(({ held, detail }) => updateEndpointDetail({ ...held.row, detail })),
      names: Object.fromEntries(
        renamed
          .filter(({ held }) => !held.network.predefined)
          .map(({ held, detail }) => [held.network.name, detail.names]),
      ),
      apply: () => {
        if (holding) holding.name = name
        for (const { held, detail } of renamed) {
          held.row.detail = detail
          this.#sandboxes.publishNames(held)
        }
      },
    }
  }

  /** Default routes and ports follow the endpoints that there will be. */
  async #moveGateways(
    holding: Holding,
    endpoints: readonly Held[],
    netnsFd: number,
  ): Promise<{
    statements: Statement[]
    unpublished: boolean
    apply: () => void
    undo: () => Promise<void>
  }> {
    const ctx = this.#ctx
    const before = holding.gateways
    const after = gatewaysOf(ctx, endpoints)
    await this.#setRoutes(endpoints, before, after, netnsFd)
    const publisher = publisherOf(ctx, endpoints, after)
    const address = publisher?.row.address
    const { ports } = holding
    const unpublished = ports.length > 0 && address === undefined
    const moves = address !== undefined && ports.some((port) => port.containerAddress !== address)
    const next = moves
      ? ports.map((port) => ({ ...port, containerAddress: address }))
      : unpublished
        ? []
        : ports
    if (moves) await ctx.firewall.add(next)
    const { containerId } = holding
    return {
      unpublished,
      statements: [
        ...(moves ? [movePorts(containerId, address)] : []),
        ...(unpublished ? [sql`DELETE FROM port WHERE container_id = ${containerId}`] : []),
      ],
      apply: () => {
        holding.gateways = after
        holding.ports = next
        if (!unpublished) return
        ctx.firewall.removeLater(ports)
        for (const port of ports) ctx.ports.release(port)
      },
      undo: async () => {
        if (moves) await ctx.firewall.add(ports)
        await this.#setRoutes(holding.endpoints, after, before, netnsFd)
      },
    }
  }

  async #setRoutes(
    endpoints: readonly Held[],
    before: Gateways,
    after: Gateways,
    netnsFd: number,
  ): Promise<void> {
    for (const family of [4, 6] as const) {
      if (before[family] === after[family]) continue
      const held = endpoints.find(({ row }) => row.id === after[family])
      const gateway = held && driverOf(this.#ctx, held.network)?.gateway(held.network, family)
      await this.#ctx.native.defaultRoute({
        netnsFd,
        family,
        ...(held && gateway ? { link: held.row.detail.interface, gateway } : {}),
      })
    }
  }
}

function renamedDetail(
  { row, network }: Held,
  name: string,
  hostname: string,
): Held['row']['detail'] {
  const { detail, containerId } = row
  const old = new Set([detail.containerName, containerId.slice(0, 12), hostname])
  const aliases = detail.names.filter((text) => !old.has(text))
  const names = network.predefined
    ? []
    : endpointNames({ containerName: name, containerId, hostname }, aliases)
  return { ...detail, containerName: name, names }
}

function checkSettings(network: LiveNetwork, asked: EndpointSettings): void {
  const problem = endpointProblems(network.name, network, asked)
  if (problem !== undefined) throw invalidParameter(problem)
}

/** False when the container is on the network already. Throws in moby's words (updateNetworkSettings). */
function checkCompany(ctx: NetworkContext, request: SandboxRequest, network: LiveNetwork): boolean {
  if (request.mode !== 'host' && network.driver === 'host')
    throw invalidParameter(
      'cannot connect container to host network - container must be created in host network mode',
    )
  for (const [name, { NetworkID = '' }] of Object.entries(request.known)) {
    const other = ctx.directory.byId(NetworkID) ?? ctx.directory.byName(name)
    if (other === undefined) continue
    if (other === network) return false
    if (other.driver === 'host' || network.driver === 'host') throw invalidParameter(SHARED)
    if (other.name === 'none' || network.name === 'none')
      throw invalidParameter(
        'container cannot be connected to multiple networks with one of the networks in private (none) mode',
      )
  }
  return true
}

function addressesOf({ row }: Held): string[] {
  return [row.address, row.address6].filter((text) => text !== '')
}
