import type { HostConfig, PortBinding, PortMap } from '@tdocker/api'
import { conflict, invalidParameter, notFound, system } from '../../base/errors.ts'
import { type Container, joinedContainer } from '../container.ts'
import type { Context } from '../context.ts'
import { checkHostPort, checkPortKey, portKey } from '../create/ports.ts'
import { containerEvent } from '../events.ts'
import { keeperOf } from '../living.ts'
import { noSuchContainer } from '../messages.ts'
import { updateHostConfigRow, updateRow } from '../rows.ts'
import { sandboxRequest } from '../start/sandbox.ts'

/** `POST /containers/{id}/ports/add`: at once, and with every start to come. */
export async function addPorts(ctx: Context, reference: string, ports: PortMap): Promise<PortMap> {
  const wish = checked(ports)
  for (const [key, bindings] of Object.entries(wish)) if (bindings.length === 0) wish[key] = [{}]
  return change(ctx, reference, 'publish', wish, (c) => withPorts(portsOf(c), wish))
}

/**
 * `POST /containers/{id}/ports/remove`: the bindings that are named, or all of a port that is named
 * without any. A host port that was chosen for the container names its binding as well.
 */
export async function removePorts(
  ctx: Context,
  reference: string,
  ports: PortMap,
): Promise<PortMap> {
  const wish = checked(ports)
  return change(ctx, reference, 'unpublish', wish, (c) => withoutPorts(c, wish))
}

async function change(
  ctx: Context,
  reference: string,
  action: 'publish' | 'unpublish',
  wish: PortMap,
  next: (c: Container) => PortMap,
): Promise<PortMap> {
  const c = ctx.registry.get(reference)
  await c.reconciled
  return ctx.locks.run(c.id, async () => {
    if (!ctx.registry.has(c)) throw noSuchContainer(reference)
    refuse(c)
    const hostConfig: HostConfig = { ...c.hostConfig, PortBindings: next(c) }
    const event = containerEvent(c, action, { ports: describe(wish) })
    const rows = [updateHostConfigRow(c.id, hostConfig)]
    if (c.live === undefined) await ctx.events.commit(rows, [event])
    else
      await ctx.networks.publish({
        request: { ...sandboxRequest(c), portBindings: hostConfig.PortBindings ?? {} },
        keeper: keeperOf(c),
        unpublish: action === 'unpublish' ? wish : {},
        record: async (shown, statements) => {
          const before = c.detail.ports
          c.detail.ports = shown
          const all = [...statements, ...rows, updateRow(c, ctx.config.bootId)]
          await ctx.events.commit(all, [event]).catch((error: unknown) => {
            c.detail.ports = before
            throw error
          })
        },
      })
    c.hostConfig.PortBindings = hostConfig.PortBindings ?? {}
    return c.detail.ports as PortMap
  })
}

function refuse(c: Container): void {
  if (c.removing || c.state === 'dead')
    throw system(`Container ${c.id} is marked for removal and its ports cannot be changed`)
  const { NetworkMode: mode = '' } = c.hostConfig
  if (mode === 'host' || mode === 'none' || joinedContainer(mode) !== undefined)
    throw invalidParameter(`ports of a container in network mode ${mode} cannot be published`)
}

/** Keys as Docker keeps them. Throws invalidParameter in the words of a create. */
function checked(ports: PortMap): Record<string, PortBinding[]> {
  const wish: Record<string, PortBinding[]> = {}
  for (const [key, bindings] of Object.entries(ports)) {
    checkPortKey(key)
    for (const { HostPort = '' } of bindings ?? []) checkHostPort(HostPort)
    ;(wish[portKey(key)] ??= []).push(...(bindings ?? []))
  }
  if (Object.keys(wish).length === 0) throw invalidParameter('no ports given')
  return wish
}

function portsOf(c: Container): PortMap {
  return c.hostConfig.PortBindings ?? {}
}

function withPorts(ports: PortMap, wish: PortMap): PortMap {
  const next = { ...ports }
  for (const [key, bindings] of Object.entries(wish)) {
    const present = next[key] ?? []
    for (const binding of bindings)
      if (!isFree(binding) && present.some((other) => same(other, binding)))
        throw conflict(`${shown(key, binding)} is already published`)
    next[key] = [...present, ...bindings]
  }
  return next
}

function withoutPorts(c: Container, wish: PortMap): PortMap {
  const next = { ...portsOf(c) }
  for (const [key, bindings] of Object.entries(wish)) {
    let left = next[key] ?? []
    if (left.length === 0) throw notFound(`port ${key} is not published by container ${c.id}`)
    for (const binding of bindings) {
      const gone = left.find((other) => same(other, binding)) ?? chosen(c, key, left, binding)
      if (gone === undefined)
        throw notFound(`port ${shown(key, binding)} is not published by container ${c.id}`)
      left = left.filter((other) => other !== gone)
    }
    if (bindings.length > 0 && left.length > 0) next[key] = left
    else delete next[key]
  }
  return next
}

/** The binding that left the choice of its host port to us. */
function chosen(
  c: Container,
  key: string,
  bindings: readonly PortBinding[],
  { HostIp = '', HostPort = '' }: PortBinding,
): PortBinding | undefined {
  const serves = (c.detail.ports[key] ?? []).some((port) => port.HostPort === HostPort)
  return bindings.find((binding) => {
    const { HostPort: range = '' } = binding
    const [first = '', last = first] = range.split('-')
    const within =
      isFree(binding) || (Number(first) <= Number(HostPort) && Number(HostPort) <= Number(last))
    return serves && within && (HostIp === '' || HostIp === (binding.HostIp ?? ''))
  })
}

/** Its host port is for us to choose. */
function isFree({ HostPort = '' }: PortBinding): boolean {
  return HostPort === '' || HostPort === '0'
}

function same(a: PortBinding, b: PortBinding): boolean {
  return (a.HostIp ?? '') === (b.HostIp ?? '') && (a.HostPort ?? '') === (b.HostPort ?? '')
}

function describe(ports: PortMap): string {
  const texts = Object.entries(ports).flatMap(([key, bindings]) =>
    bindings.length === 0 ? [key] : bindings.map((binding) => shown(key, binding)),
  )
  return texts.join(',')
}

/** As `-p` takes it: `127.0.0.1:8080:80/tcp`. */
function shown(key: string, { HostIp = '', HostPort = '' }: PortBinding): string {
  const host = HostIp.includes(':') ? `[${HostIp}]` : HostIp
  return [host, HostPort].some(Boolean) ? `${host && `${host}:`}${HostPort}:${key}` : key
}
