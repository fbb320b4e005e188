import { Semaphore } from '../../content/semaphore.ts'
import { type Container, joinedContainer } from '../container.ts'
import { type Context, inBackground } from '../context.ts'
import { giveUpRestart } from '../exit/exit.ts'
import { decideRestart } from '../exit/restart-policy.ts'
import { linkedContainers } from '../links/links.ts'
import { removeContainer } from '../remove.ts'
import { startLocked } from '../start/start.ts'

/** How many containers are started side by side. */
const PARALLEL = 16

/**
 * What Docker does with stopped containers when its daemon starts: `always`, `unless-stopped` unless
 * a user stopped it, and failed `on-failure` ones start again, those with `--rm` go. Who joins or
 * links another container waits until that one has been started.
 */
export async function applyPolicies(ctx: Context, containers: readonly Container[]): Promise<void> {
  const resting = containers.filter(
    (c) =>
      ctx.registry.has(c) && !c.removing && ['created', 'exited', 'restarting'].includes(c.state),
  )
  const wanted = new Set(resting.filter(wantsStart))
  for (const c of resting)
    if (!wanted.has(c) && c.hostConfig.AutoRemove)
      inBackground(ctx, c.id, 'auto-remove', remove(ctx, c))
  const slots = new Semaphore(PARALLEL)
  const never = new AbortController().signal
  const starts = new Map<Container, Promise<void>>()
  const start = (c: Container, path: readonly Container[]): Promise<void> => {
    const known = starts.get(c)
    if (known) return known
    // Of a circle nobody waits for the one that waits for it.
    const before = dependencies(ctx, c).filter(
      (other) => wanted.has(other) && !path.includes(other),
    )
    const gate = Promise.withResolvers<void>()
    starts.set(c, gate.promise)
    void Promise.all(before.map((other) => start(other, [...path, c])))
      .then(() => slots.run(never, () => startAgain(ctx, c)))
      .finally(gate.resolve)
    return gate.promise
  }
  await Promise.all([...wanted].map((c) => start(c, [c])))
}

/** The containers whose namespaces or addresses a start of `c` needs. */
function dependencies(ctx: Context, c: Container): Container[] {
  const { NetworkMode, PidMode, IpcMode } = c.hostConfig
  const joined = [NetworkMode, PidMode, IpcMode]
    .map(joinedContainer)
    .map((reference) => (reference ? ctx.registry.find(reference) : undefined))
  return [...joined.filter((other) => other !== undefined), ...linkedContainers(ctx, c)]
}

/** A restart that an earlier daemon had decided on is owed. */
function wantsStart(c: Container): boolean {
  if (c.state === 'restarting') return true
  if (!c.detail.startedBefore) return false
  return decideRestart({
    policy: c.hostConfig.RestartPolicy ?? {},
    cancelled: false,
    manuallyStopped: c.detail.manuallyStopped,
    exitCode: c.exitCode,
    restartCount: c.restartCount,
    delayMs: 0,
    durationMs: 0,
  }).restart
}

async function startAgain(ctx: Context, c: Container): Promise<void> {
  try {
    await ctx.locks.run(c.id, async () => {
      const { state } = c
      if (!['exited', 'restarting'].includes(state) || c.removing || ctx.shuttingDown) return
      // A fresh life: the restarts of the one before do not count, as in Docker.
      try {
        await startLocked(ctx, c, { automatic: false })
      } catch (error) {
        if (state === 'restarting') await giveUpRestart(ctx, c)
        throw error
      }
    })
  } catch (err) {
    ctx.log.error({ container: c.id, err }, 'restart at daemon start failed')
  }
}

async function remove(ctx: Context, c: Container): Promise<void> {
  try {
    await removeContainer(ctx, c, c.id, { force: true, volumes: true })
  } catch (error) {
    // Somebody else's removal was quicker.
    if (ctx.registry.has(c) && !c.removing) throw error
  }
}
