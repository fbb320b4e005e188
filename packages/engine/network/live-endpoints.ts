import type { EndpointSettings, PortMap } from '@tdocker/api'
import { forbidden, invalidParameter, system } from '../base/errors.ts'
import { RollbackScope } from '../base/scope.ts'
import type {
  JoinedEndpoint,
  LeftEndpoint,
  OpenedResolver,
  PortKeeper,
  RenamedEndpoints,
  Sandbox,
  SandboxRequest,
} from '../container/needs.ts'
import type { Statement } from '../store/store.ts'
import { endpointProblems } from './endpoint-check.ts'
import { endpointSettings } from './endpoint-settings.ts'
import { deleteEndpoint, insertEndpoint, updateEndpointDetail } from './endpoint-rows.ts'
import type { Gateways } from './gateways.ts'
import { gatewaysOf, shownEndpoint, type Held, type Holding } from './holding.ts'
import type { LiveNetwork } from './live-network.ts'
import { commit, driverOf, networkEvent, type NetworkContext } from './network-context.ts'
import { endpointNames, newEndpoint } from './new-endpoint.ts'
import { republish } from './port-publisher.ts'
import { isNamed, publishedPorts } from './published-ports.ts'
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
    keeper: PortKeeper
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
    const moved = await this.#moveGateways({ ...o, holding, endpoints, scope })

    delete row.detail.pending
    const statements = o.record({
      name: network.name,
      settings: shownEndpoint(ctx, held, asked),
      addresses: addressesOf(held),
      ports: moved.shown,
    })
    const event = networkEvent(network, 'connect', { container: request.containerId })
    await commit(ctx, [updateEndpointDetail(row), ...moved.statements, ...statements], [event])
    holding.endpoints = endpoints
    scope.release()
    this.#sandboxes.publishNames(held)
    await moved.apply()
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
    request: SandboxRequest
    reference: string
    netnsFd: number
    keeper: PortKeeper
    record: (left: LeftEndpoint) => readonly Statement[]
  }): Promise<void> {
    const ctx = this.#ctx
    const network = ctx.directory.get(o.reference)
    const { containerId } = o.request
    const holding = this.#sandboxes.get(containerId)
    const held = holding?.endpoints.find((candidate) => candidate.network === network)
    if (holding === undefined || held === undefined)
      throw system(`container ${containerId} is not connected to network ${network.name}`)
    const { row } = held
    await using scope = new RollbackScope((what, error) =>
      ctx.log.warn({ err: error, container: containerId }, `cannot ${what}`),
    )
    const endpoints = holding.endpoints.filter((other) => other !== held)
    if (!held.plain) {
      const driver = driverOf(ctx, network)
      await driver?.detach(network, row, o.netnsFd)
      scope.undo('bring the interface back', () =>
        driver?.attach(network, { row, netnsFd: o.netnsFd, gatewayFor: new Set() }),
      )
    }
    const moved = await this.#moveGateways({ ...o, holding, endpoints, scope })
    const statements = o.record({
      name: network.name,
      addresses: addressesOf(held),
      ports: moved.shown,
    })
    const event = networkEvent(network, 'disconnect', { container: containerId })
    await commit(ctx, [deleteEndpoint(row.id), ...moved.statements, ...statements], [event])
    scope.release()
    holding.endpoints = endpoints
    ctx.names.delete(network.id, row.id)
    await moved.apply()
    network.drop(row)
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

  /**
   * Other ports for a running container, or none; `wishes` in the place of those it was started
   * with.
   */
  async publish(o: {
    request: SandboxRequest
    keeper: PortKeeper
    unpublish: PortMap
    /** Notes what is published now; commits it along with the statements. */
    record: (ports: Sandbox['ports'], statements: readonly Statement[]) => Promise<void>
  }): Promise<void> {
    const ctx = this.#ctx
    const holding = this.#sandboxes.get(o.request.containerId)
    if (holding === undefined) throw system(`no sandbox for container ${o.request.containerId}`)
    await using scope = new RollbackScope((what, error) =>
      ctx.log.warn({ err: error, container: o.request.containerId }, `cannot ${what}`),
    )
    const { endpoints, gateways } = holding
    const changed = await republish(ctx, {
      ...o,
      wishes: o.request,
      holding,
      endpoints,
      gateways,
      scope,
      goes: (row) => isNamed(row, o.unpublish),
    })
    const shown = this.#sandboxes.publishes(holding) ? publishedPorts(o.request, changed.rows) : {}
    await o.record(shown, changed.statements)
    scope.release()
    holding.ports = changed.rows
    await changed.apply()
  }

  /** Default routes and ports follow the endpoints that there will be. */
  async #moveGateways(o: {
    request: SandboxRequest
    holding: Holding
    endpoints: readonly Held[]
    netnsFd: number
    keeper: PortKeeper
    scope: RollbackScope
  }): Promise<{ statements: Statement[]; shown: Sandbox['ports']; apply: () => Promise<void> }> {
    const { request, holding, endpoints, netnsFd, scope } = o
    const before = holding.gateways
    const gateways = gatewaysOf(this.#ctx, endpoints)
    scope.undo('restore routes', () =>
      this.#setRoutes(holding.endpoints, gateways, before, netnsFd),
    )
    await this.#setRoutes(endpoints, before, gateways, netnsFd)
    const changed = await republish(this.#ctx, { ...o, wishes: request, gateways })
    const publishes = this.#sandboxes.publishes({ endpoints, gateways })
    return {
      statements: changed.statements,
      shown: publishes ? publishedPorts(request, changed.rows) : {},
      apply: () => {
        holding.gateways = gateways
        holding.ports = changed.rows
        return changed.apply()
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
