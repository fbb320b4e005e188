import { system } from '../base/errors.ts'
import type { Context } from './context.ts'
import { containerEvent } from './events.ts'
import { notRunning } from './messages.ts'

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
    throw system(`cannot resize container: ${(error as Error).message}`, error)
  }
  await ctx.events.commit(
    [],
    [containerEvent(c, 'resize', { height: String(o.rows), width: String(o.columns) })],
  )
}
