import type { Readable } from 'node:stream'
import type { AttachOptions, Hijack } from '../backend-types.ts'
import { conflict } from '../base/errors.ts'
import { pump, writeToClient } from './client-stream.ts'
import type { Container } from './container.ts'
import { type Context, inBackground } from './context.ts'
import { parseDetachKeys } from './detach-keys.ts'
import { containerEvent } from './events.ts'
import { logSource, requireReadableLog } from './logs.ts'
import { startRemoved } from './messages.ts'
import type { ClientConnection } from './plan/plan-input.ts'

/** Clients that may wait for one start. */
const MAX_PENDING = 256

/**
 * `POST /containers/{id}/attach`. The client's descriptor goes to the shim, or waits for the start.
 * Resolves when it is handed over.
 */
export async function attachContainer(
  ctx: Context,
  reference: string,
  o: AttachOptions,
  hijack: Hijack,
): Promise<void> {
  const detachKeys = parseDetachKeys(o.detachKeys)
  const c = ctx.registry.get(reference)
  await c.reconciled
  checkAttachable(c, reference)
  if (o.logs) requireReadableLog(c)
  const headRead = o.logs && !o.stream
  const { fd, head } = await hijack.take({ multiplexed: !c.config.Tty, headRead })
  const client: ClientConnection = {
    fd,
    stdin: o.stdin && (c.config.OpenStdin ?? false),
    stdout: o.stdout,
    stderr: o.stderr,
    detachKeys,
    head,
  }
  inBackground(ctx, c.id, 'attach event', ctx.events.commit([], [containerEvent(c, 'attach')]))
  try {
    if (o.logs) await attachWithPast(ctx, c, o, client)
    else if (o.stream) await handOver(ctx, c, client)
    else ctx.native.closeFd(fd)
  } catch (error) {
    // The head is on its way: a closed connection is all that can still be said.
    ctx.log.warn({ container: c.id, err: error }, 'attach failed')
  }
}

function checkAttachable(c: Container, reference: string): void {
  if (c.state === 'paused')
    throw conflict(`container ${reference} is paused, unpause the container before attach`)
  if (c.state === 'restarting')
    throw conflict(`container ${reference} is restarting, wait until the container is running`)
  if (c.removing || c.state === 'dead') throw startRemoved()
  if (c.pendingClients.length >= MAX_PENDING)
    throw conflict(`container ${reference} has too many clients waiting for its start`)
}

/**
 * Under the lock: a start takes the waiting clients along, so between looking and waiting there
 * must be none. Owns the descriptor.
 */
async function handOver(ctx: Context, c: Container, client: ClientConnection): Promise<void> {
  let waits = false
  try {
    await ctx.locks.run(c.id, async () => {
      if (!ctx.registry.has(c)) return
      if (c.live) await c.live.shim.attach(client, client.fd)
      else {
        c.pendingClients.push(client)
        waits = true
      }
    })
  } finally {
    if (!waits) ctx.native.closeFd(client.fd)
  }
}

/** The log so far, then (with `stream`) what follows, with neither gap nor repetition. */
async function attachWithPast(
  ctx: Context,
  c: Container,
  o: AttachOptions,
  client: ClientConnection,
): Promise<void> {
  const live = o.stream ? c.live : undefined
  if (!live) {
    const replayed = writeToClient(ctx, client.fd, past(ctx, c, o))
    await replayed.catch((error: unknown) => {
      ctx.native.closeFd(client.fd)
      throw error
    })
    if (o.stream) await handOver(ctx, c, client)
    else ctx.native.closeFd(client.fd)
    return
  }
  // The shim serves one end of a pair from a known size of the log on; the daemon sends the log up
  // to there first and then passes on.
  const [mine, shims] = ctx.native.socketPair()
  try {
    const { logOffset } = await live.shim.attach(client, shims)
    const joined = pump(client.fd, mine, past(ctx, c, o, logOffset))
    inBackground(ctx, c.id, 'attach with logs', joined)
  } catch (error) {
    ctx.native.closeFd(mine)
    ctx.native.closeFd(client.fd)
    throw error
  } finally {
    ctx.native.closeFd(shims)
  }
}

function past(ctx: Context, c: Container, o: AttachOptions, endOffset?: number): Readable {
  return ctx.readLog({
    files: logSource(ctx, c).files,
    readers: ctx.logs.readers,
    stdout: o.stdout,
    stderr: o.stderr,
    follow: false,
    timestamps: false,
    details: false,
    tty: c.config.Tty ?? false,
    ...(endOffset === undefined ? {} : { endOffset }),
    ended: Promise.resolve(),
    signal: new AbortController().signal,
  })
}
