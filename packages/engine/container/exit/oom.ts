import { setImmediate as nextTurn } from 'node:timers/promises'
import type { NewEvent } from '../../event/event-log.ts'
import type { Container, LiveContainer } from '../container.ts'
import { type Context, inBackground } from '../context.ts'
import { containerEvent } from '../events.ts'
import { updateRow } from '../rows.ts'

/**
 * Tells when the kernel kills for want of memory, at once: it need not be init that dies, and then
 * the container runs on. An adopted container's kills were told if its flag is set.
 */
export async function watchOom(ctx: Context, c: Container, live: LiveContainer): Promise<void> {
  // The start is answered first.
  await nextTurn()
  try {
    if (c.oomKilled) live.oom.told = await ctx.cgroups.oomKills(live.cgroup)
    if (c.live !== live) return
    live.oom.watch = ctx.cgroups.watchOom(live.cgroup, live.oom.told, (kills) =>
      inBackground(ctx, c.id, 'oom event', tell(ctx, c, live, kills)),
    )
  } catch (err) {
    // The exit looks at the counter all the same.
    ctx.log.warn({ container: c.id, err }, 'OOM kills are told at the exit only')
  }
}

async function tell(ctx: Context, c: Container, live: LiveContainer, kills: number): Promise<void> {
  if (c.live !== live) return
  live.oom.told = kills
  c.oomKilled = true
  await ctx.events.commit([updateRow(c, ctx.config.bootId)], [containerEvent(c, 'oom')])
}

/** For the exit: whether there were any kills, and the event for those nobody was told of. */
export async function endOomWatch(
  ctx: Context,
  c: Container,
  live: LiveContainer,
): Promise<{ oomKilled: boolean; untold: NewEvent[] }> {
  live.oom.watch?.[Symbol.dispose]()
  live.oom.watch = undefined
  const kills = await ctx.cgroups.oomKills(live.cgroup).catch(() => live.oom.told)
  return {
    oomKilled: kills > 0 || c.oomKilled,
    untold: kills > live.oom.told ? [containerEvent(c, 'oom')] : [],
  }
}
