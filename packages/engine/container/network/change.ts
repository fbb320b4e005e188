import type { Container } from '../container.ts'
import type { Context } from '../context.ts'
import { openNamespace } from '../living.ts'
import { updateRow } from '../rows.ts'
import { snapshot } from './record.ts'

/** Changes what the next start will do; the record is as before when it cannot be written. */
export async function changeStopped(ctx: Context, c: Container, change: () => void): Promise<void> {
  const before = snapshot(c)
  change()
  await ctx.events.commit([updateRow(c, ctx.config.bootId)], []).catch((error: unknown) => {
    before.restore()
    throw error
  })
}

/** Changes what runs, in its network namespace; the record is as before when that fails. */
export async function changeRunning<T>(
  ctx: Context,
  c: Container,
  change: (netnsFd: number) => Promise<T>,
): Promise<T> {
  const netnsFd = openNamespace(ctx, c, 'net')
  const before = snapshot(c)
  try {
    return await change(netnsFd)
  } catch (error) {
    before.restore()
    throw error
  } finally {
    ctx.native.closeFd(netnsFd)
  }
}
