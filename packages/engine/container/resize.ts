import { system } from '../base/errors.ts'
import type { Context } from './context.ts'
import { containerEvent } from './events.ts'
import { notRunning } from './messages.ts'

/** The terminal is closed, or the shim is past answering: the end is on its way. */
export function isGone(error: unknown): boolean {
  return GONE.has((error as { code?: string }).code ?? '')
}

const GONE: ReadonlySet<string> = new Set([
  'EBADF',
  'ENOENT',
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
])

/** `POST /containers/{id}/resize`. */
export async function resizeContainer(
  ctx: Context,
  reference: string,
  o: { rows: number; columns: number },
): Promise<void> {
  const c = ctx.registry.get(reference)
  await c.reconciled
  if (!c.live) throw notRunning(c.id)
  try {
    // Without a terminal there is nothing to do, which is no error to any client.
    if (c.config.Tty) await c.live.shim.resize(o.rows, o.columns)
  } catch (error) {
    if (isGone(error)) throw notRunning(c.id)
    throw system(`cannot resize container: ${(error as Error).message}`, error)
  }
  await ctx.events.commit(
    [],
    [containerEvent(c, 'resize', { height: String(o.rows), width: String(o.columns) })],
  )
}
