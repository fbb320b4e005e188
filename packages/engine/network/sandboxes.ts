import type { EndpointSettings } from '@tdocker/api'
import { forbidden, notFound } from '../base/errors.ts'
import { RollbackScope } from '../base/scope.ts'
import { settleAll } from '../base/settle-all.ts'
import type { OpenedResolver, Sandbox, SandboxRequest } from '../container/needs.ts'
import { endpointSettings } from './endpoint-settings.ts'
import { deleteOf, insertEndpoint, insertPort } from './endpoint-rows.ts'
import {
  familiesOf,
  gatewaysOf,
  newHolding,
  shownEndpoint,
  type Held,
  type Holding,
} from './holding.ts'
import type { ReservedPort } from './host-ports.ts'
import type { LiveNetwork } from './live-network.ts'
import { commit, driverOf, networkEvent, type NetworkContext } from './network-context.ts'
import { newEndpoint, plainEndpoint } from './new-endpoint.ts'
import { planPorts, publisherOf } from './port-plan.ts'
import { connectivityError, forgetFlows, reservePorts } from './port-publisher.ts'
import { portRequests } from './port-request.ts'
import { heldPort, portRow, publishedPorts } from './published-ports.ts'
import { formatResolvConf, type DnsOverrides } from './resolv-conf.ts'
import { hostSandboxFiles, ownSandboxFiles, resolverSandbox } from './sandbox-files.ts'
import { wishesOf, type EndpointChoice } from './sandbox-request.ts'

/** What running containers hold: namespaces, endpoints, ports, names. */
export class Sandboxes {
  readonly #ctx: NetworkContext
  readonly #holdings = new Map<string, Holding>()
  /** Brings a network back that could not be set up; for starts that need it. */
  readonly #ready: (network: LiveNetwork) => Promise<void> | undefined

  constructor(
    ctx: NetworkContext,
    ready: (network: LiveNetwork) => Promise<void> | undefined = () => undefined,
  ) {
    this.#ctx = ctx
    this.#ready = ready
  }

  get(containerId: string): Holding | undefined {
    return this.#holdings.get(containerId)
  }

  all(): Holding[] {
    return [...this.#holdings.values()]
  }

  /** Of a container that runs since before this daemon. */
  adopt(holding: Holding): void {
    this.#holdings.set(holding.containerId, holding)
    holding.gateways = gatewaysOf(this.#ctx, holding.endpoints)
    for (const held of holding.endpoints) this.publishNames(held)
  }

  /** Makes namespace, interfaces, ports and files. Everything is undone when it throws. */
  async open(request: SandboxRequest): Promise<Sandbox> {
    const choices = wishesOf(this.#ctx, request)
    if (choices.some(({ network }) => network.driver === 'host'))
      return this.#openHost(request, choices)
    return this.#openOwn(request, choices)
  }

  async release(containerId: string): Promise<void> {
    const holding = this.#holdings.get(containerId)
    if (holding === undefined) return
    this.#holdings.delete(containerId)
    for (const { network, row } of holding.endpoints) this.#ctx.names.delete(network.id, row.id)
    this.#ctx.resolver?.close(containerId)
    const rows = holding.endpoints.every(({ plain }) => plain) ? [] : deleteOf(containerId)
    const events = holding.endpoints.map(({ network }) =>
      networkEvent(network, 'disconnect', { container: containerId }),
    )
    await commit(this.#ctx, rows, events)
    this.#letGo(holding)
  }

  /** The same for one that lives on since before this daemon. */
  async adoptResolver(holding: Holding, pid: number, asked: DnsOverrides): Promise<void> {
    const { resolver } = this.#ctx
    if (resolver === undefined || holding.endpoints.every(({ network }) => network.predefined))
      return
    const sandbox = resolverSandbox(this.#ctx, asked, holding, this.#hostGateways())
    await resolver.adopt(sandbox, pid)
  }

  /** What others find the endpoint by; nothing on Docker's own networks. */
  publishNames({ network, row }: Held): void {
    if (network.predefined) return
    this.#ctx.names.set({
      endpointId: row.id,
      networkId: network.id,
      containerId: row.containerId,
      names: row.detail.names,
      addresses: [row.address, row.address6].filter((text) => text !== ''),
    })
  }

  // ---- opening ----

  #openHost(request: SandboxRequest, choices: readonly EndpointChoice[]): Sandbox {
    const { config, host } = this.#ctx
    const endpoints = this.#connectPlainly(request, choices)
    const files = hostSandboxFiles(request, config, host, this.#hostGateways())
    return { netnsFd: undefined, holdFds: [], heldPorts: [], endpoints, ports: {}, ...files }
  }

  async #openOwn(request: SandboxRequest, found: readonly EndpointChoice[]): Promise<Sandbox> {
    const ctx = this.#ctx
    const pending = found.flatMap(({ network }) => this.#ready(network) ?? [])
    if (pending.length > 0) await Promise.all(pending)
    // What was brought back may have other addresses.
    const choices = pending.length > 0 ? wishesOf(ctx, request) : found
    if (choices.every(({ network }) => driverOf(ctx, network) === undefined))
      return this.#openAlone(request, choices)

    await using scope = new RollbackScope((what, error) =>
      ctx.log.warn({ err: error, container: request.containerId }, `cannot ${what}`),
    )
    const holding = newHolding(request.containerId, request.containerName)
    scope.undo('free addresses', () => this.#dropAll(holding))
    for (const choice of choices) holding.endpoints.push(this.#newHeld(request, choice, holding))
    await this.#awaitLeaving(holding)
    holding.gateways = gatewaysOf(ctx, holding.endpoints)
    const files = this.#files(request, holding)
    const reserved = await this.#reservePorts(request, holding, scope)
    holding.ports = reserved.map((port) => portRow(port, request.containerId))

    scope.undo('delete rows', () => ctx.store.write(deleteOf(request.containerId)))
    const netns = ctx.netns.take()
    scope.undo('close netns', async () => ctx.native.closeFd(await netns))
    scope.undo('remove links', () => this.#forgetAll(holding))
    scope.undo('unpublish ports', () => ctx.firewall.removeLater(holding.ports))
    const resolver = netns.then((fd) => this.openResolver(request, holding, fd))
    scope.undo('close the DNS server', () => this.#closeResolver(request.containerId, resolver))
    // Beside each other, not rows first: a device of our bridge and an element of our table that no
    // row owns are garbage that the next restore finds, and the commit is the slowest of the three.
    const [netnsFd, dns] = await settleAll([
      netns,
      resolver,
      netns.then((fd) => this.#attachAll(holding, fd)),
      this.#publish(holding),
      this.#insertRows(holding),
    ])
    this.#holdings.set(request.containerId, holding)
    for (const held of holding.endpoints) this.publishNames(held)
    scope.release()
    return {
      netnsFd,
      holdFds: dns?.holdFds ?? [],
      heldPorts: reserved.flatMap((port) =>
        port.fd === undefined ? [] : { ...heldPort(port), fd: port.fd },
      ),
      endpoints: this.#shown(holding, choices),
      ports: this.publishes(holding) ? publishedPorts(request, holding.ports) : {},
      ...files,
      ...(dns === undefined ? {} : { resolvConf: dns.resolvConf }),
    }
  }

  /** A namespace with `lo` alone: network `none`, or none left. */
  async #openAlone(request: SandboxRequest, choices: readonly EndpointChoice[]): Promise<Sandbox> {
    for (const { network } of choices)
      if (network.config.configOnly)
        throw forbidden('cannot create endpoint on configuration-only network')
    const files = this.#files(request, newHolding(request.containerId, request.containerName))
    const netnsFd = await this.#ctx.netns.take()
    const endpoints = this.#connectPlainly(request, choices)
    return { netnsFd, holdFds: [], heldPorts: [], endpoints, ports: {}, ...files }
  }

  #newHeld(request: SandboxRequest, { network, asked }: EndpointChoice, holding: Holding): Held {
    const driver = driverOf(this.#ctx, network)
    if (driver === undefined && !network.config.configOnly)
      throw notFound(`network ${network.name} has no endpoints`)
    const row = newEndpoint({
      request,
      network,
      asked,
      interfaces: new Set(holding.endpoints.map((held) => held.row.detail.interface)),
      prefix: driver?.interfacePrefix(network) ?? 'eth',
    })
    return { network, row, plain: false }
  }

  /** Nothing sent to the last owner may reach this one. */
  async #awaitLeaving(holding: Holding): Promise<void> {
    const { firewall } = this.#ctx
    const leaving = holding.endpoints.some(
      ({ row }) => firewall.isLeaving(row.address) || firewall.isLeaving(row.address6),
    )
    if (leaving) await firewall.flush()
  }

  async #attachAll(holding: Holding, netnsFd: number): Promise<void> {
    await settleAll(
      holding.endpoints.map(({ network, row }) =>
        driverOf(this.#ctx, network)!.attach(network, {
          row,
          netnsFd,
          gatewayFor: familiesOf(holding.gateways, row.id),
        }),
      ),
    )
  }

  async #reservePorts(
    request: SandboxRequest,
    holding: Holding,
    scope: RollbackScope,
  ): Promise<ReservedPort[]> {
    const { endpoints, gateways, name } = holding
    const plan = planPorts(this.#ctx, portRequests(request), endpoints, gateways)
    try {
      return await reservePorts(this.#ctx, plan, request.containerId, scope)
    } catch (error) {
      const publisher = publisherOf(endpoints, gateways) ?? endpoints[0]
      throw connectivityError(name, publisher?.row.id ?? '', error)
    }
  }

  async #insertRows(holding: Holding): Promise<void> {
    const { containerId, endpoints, ports } = holding
    // First of all, whatever an earlier life of the container left.
    const rows = [
      ...deleteOf(containerId),
      ...endpoints.map(({ row }) => insertEndpoint(row)),
      ...ports.map(insertPort),
    ]
    const events = endpoints.map(({ network }) =>
      networkEvent(network, 'connect', { container: containerId }),
    )
    await commit(this.#ctx, rows, events)
  }

  /** Whether there is an endpoint that ports can lead to, even if none are asked for. */
  publishes({
    endpoints,
    gateways,
  }: {
    endpoints: readonly Held[]
    gateways: Holding['gateways']
  }): boolean {
    return endpoints.some(({ network, row, plain }) => {
      const driver = plain ? undefined : driverOf(this.#ctx, network)
      if (driver === undefined || !driver.publishes(network)) return false
      const leads = gateways[4] === row.id || gateways[6] === row.id
      return leads || driver.routes(network, 4) || driver.routes(network, 6)
    })
  }

  async #publish({ ports, name, endpoints, gateways }: Holding): Promise<void> {
    try {
      await this.#ctx.firewall.add(ports)
    } catch (error) {
      throw connectivityError(name, publisherOf(endpoints, gateways)?.row.id ?? '', error)
    }
    forgetFlows(this.#ctx, ports)
  }

  /** Gives a container the embedded DNS server; undefined when it is on Docker's own networks only. */
  async openResolver(
    request: SandboxRequest,
    holding: Holding,
    netnsFd: number,
  ): Promise<OpenedResolver | undefined> {
    const { resolver } = this.#ctx
    if (resolver === undefined || holding.endpoints.every(({ network }) => network.predefined))
      return undefined
    const sandbox = resolverSandbox(this.#ctx, request, holding, this.#hostGateways())
    const { resolvConf, holdFds } = await resolver.open(sandbox, netnsFd)
    return { resolvConf: formatResolvConf(resolvConf), holdFds }
  }

  async #closeResolver(
    containerId: string,
    opened: Promise<OpenedResolver | undefined>,
  ): Promise<void> {
    this.#ctx.resolver?.close(containerId)
    for (const fd of (await opened.catch(() => undefined))?.holdFds ?? [])
      this.#ctx.native.closeFd(fd)
  }

  #shown(holding: Holding, choices: readonly EndpointChoice[]): Record<string, EndpointSettings> {
    return Object.fromEntries(
      holding.endpoints.map((held, index) => [
        held.network.name,
        shownEndpoint(this.#ctx, held, choices[index]?.asked),
      ]),
    )
  }

  /** Off the way of the start: there is nothing on the host that a row would have to own. */
  #connectPlainly(
    request: SandboxRequest,
    choices: readonly EndpointChoice[],
  ): Record<string, EndpointSettings> {
    const holding = newHolding(request.containerId, request.containerName)
    const shown: Record<string, EndpointSettings> = {}
    for (const { network, asked } of choices) {
      const row = plainEndpoint(request, network)
      holding.endpoints.push({ network, row, plain: true })
      shown[network.name] = endpointSettings(asked, { networkId: network.id, endpointId: row.id })
    }
    this.#holdings.set(request.containerId, holding)
    const events = choices.map(({ network }) =>
      networkEvent(network, 'connect', { container: request.containerId }),
    )
    commit(this.#ctx, [], events).catch((error: unknown) =>
      this.#ctx.log.warn({ err: error }, 'cannot record a network event'),
    )
    return shown
  }

  #files(request: SandboxRequest, holding: Holding): Pick<Sandbox, 'hosts' | 'resolvConf'> {
    const { config, host } = this.#ctx
    return ownSandboxFiles(request, config, host, this.#hostGateways(), {
      addresses: holding.endpoints.flatMap(({ row }) =>
        [row.address, row.address6].filter((text) => text !== ''),
      ),
      ipv6Servers: holding.gateways[6] !== undefined,
    })
  }

  /** What `host-gateway` stands for: the default bridge's own addresses. */
  #hostGateways(): string[] {
    const bridge = this.#ctx.directory.byName('bridge')
    return (bridge?.config.pools ?? []).flatMap((pool) => pool.gateway ?? [])
  }

  // ---- letting go ----

  #letGo(holding: Holding): void {
    this.#ctx.firewall.removeLater(holding.ports)
    for (const port of holding.ports) this.#ctx.ports.release(port)
    this.#dropAll(holding)
    // Usually the namespace took them along; not where another container still shares it.
    this.#forgetAll(holding)
  }

  #dropAll(holding: Holding): void {
    for (const { network, row } of holding.endpoints) network.drop(row)
  }

  #forgetAll(holding: Holding): void {
    for (const { network, row, plain } of holding.endpoints)
      if (!plain) driverOf(this.#ctx, network)?.forget(row)
  }
}
