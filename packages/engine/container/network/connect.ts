import type { EndpointSettings } from '@tdocker/api'
import { invalidParameter, system } from '../../base/errors.ts'
import { type Container, joinedContainer } from '../container.ts'
import type { Context } from '../context.ts'
import { keeperOf } from '../living.ts'
import { noSuchContainer } from '../messages.ts'
import { updateRow } from '../rows.ts'
import { sandboxRequest } from '../start/sandbox.ts'
import { changeRunning, changeStopped } from './change.ts'
import { addHostLines } from './hosts.ts'
import { useResolver } from './resolver.ts'
import { noteEndpoint } from './record.ts'

/** `POST /networks/{id}/connect`: at once, or with the next start. */
export async function connectContainer(
  ctx: Context,
  reference: string,
  network: string,
  asked: EndpointSettings,
): Promise<void> {
  const c = ctx.registry.get(reference)
  await c.reconciled
  await ctx.locks.run(c.id, async () => {
    if (!ctx.registry.has(c)) throw noSuchContainer(reference)
    if (c.live === undefined) return connectStopped(ctx, c, network, asked)
    if (joinedContainer(c.hostConfig.NetworkMode) !== undefined)
      throw invalidParameter(
        'container sharing network namespace with another container or host cannot be connected to any other network',
      )
    await connectRunning(ctx, c, network, asked)
  })
}

export function refuseRemoved(c: Container): void {
  if (!c.removing && c.state !== 'dead') return
  throw system(
    `Container ${c.id} is marked for removal and cannot be connected or disconnected to the network`,
  )
}

async function connectStopped(
  ctx: Context,
  c: Container,
  network: string,
  asked: EndpointSettings,
): Promise<void> {
  refuseRemoved(c)
  const planned = ctx.networks.planConnect(sandboxRequest(c), network, asked)
  if (planned === undefined) return
  await changeStopped(ctx, c, () => noteEndpoint(c, planned.name, asked, planned.settings))
}

async function connectRunning(
  ctx: Context,
  c: Container,
  network: string,
  asked: EndpointSettings,
): Promise<void> {
  let addresses: readonly string[] = []
  const resolver = await changeRunning(ctx, c, (netnsFd) =>
    ctx.networks.connect({
      request: sandboxRequest(c),
      reference: network,
      asked,
      netnsFd,
      keeper: keeperOf(c),
      record: (joined) => {
        addresses = joined.addresses
        noteEndpoint(c, joined.name, asked, joined.settings)
        c.detail.ports = joined.ports
        return [updateRow(c, ctx.config.bootId)]
      },
    }),
  )
  addHostLines(ctx, c, addresses)
  if (resolver !== undefined) await useResolver(ctx, c, resolver)
}
