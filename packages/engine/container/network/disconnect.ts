import { EngineError, invalidParameter, notFound, system } from '../../base/errors.ts'
import type { Container } from '../container.ts'
import type { Context } from '../context.ts'
import { keeperOf } from '../living.ts'
import { noSuchContainer } from '../messages.ts'
import { updateRow } from '../rows.ts'
import { sandboxRequest } from '../start/sandbox.ts'
import { changeRunning, changeStopped } from './change.ts'
import { refuseRemoved } from './connect.ts'
import { removeHostLines } from './hosts.ts'
import { forgetEndpoint } from './record.ts'

/** `POST /networks/{id}/disconnect`: at once, or with the next start. */
export async function disconnectContainer(
  ctx: Context,
  reference: string,
  network: string,
  force: boolean,
): Promise<void> {
  const c = find(ctx, reference, network, force)
  await c.reconciled
  await ctx.locks.run(c.id, async () => {
    if (!ctx.registry.has(c)) throw noSuchContainer(reference)
    const name = ctx.networks.nameOf(network)
    if (c.live === undefined || (name === undefined && force))
      return disconnectStopped(ctx, c, name ?? network)
    if (name === undefined) throw notFound(`network ${network} not found`)
    if (c.hostConfig.NetworkMode === 'host' && name === 'host')
      throw invalidParameter(
        'cannot disconnect container from host network - container was created in host network mode',
      )
    await disconnectRunning(ctx, c, network)
  })
}

/** With force moby looks for an endpoint of that name, whose container is gone; ours go with it. */
function find(ctx: Context, reference: string, network: string, force: boolean): Container {
  try {
    return ctx.registry.get(reference)
  } catch (error) {
    if (!force || !(error instanceof EngineError) || error.kind !== 'notFound') throw error
    if (ctx.networks.nameOf(network) === undefined) throw notFound(`network ${network} not found`)
    throw notFound(`endpoint ${reference} not found`)
  }
}

async function disconnectStopped(ctx: Context, c: Container, name: string): Promise<void> {
  refuseRemoved(c)
  if (!Object.hasOwn(c.detail.endpoints, name))
    throw system(`container ${c.id} is not connected to the network ${name}`)
  await changeStopped(ctx, c, () => forgetEndpoint(c, name))
}

async function disconnectRunning(ctx: Context, c: Container, network: string): Promise<void> {
  let addresses: readonly string[] = []
  await changeRunning(ctx, c, (netnsFd) =>
    ctx.networks.disconnect({
      request: sandboxRequest(c),
      reference: network,
      netnsFd,
      keeper: keeperOf(c),
      record: (left) => {
        addresses = left.addresses
        forgetEndpoint(c, left.name)
        c.detail.ports = left.ports
        return [updateRow(c, ctx.config.bootId)]
      },
    }),
  )
  removeHostLines(ctx, c, addresses)
}
