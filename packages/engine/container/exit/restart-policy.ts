import type { HostConfig } from '@tdocker/api'

const FIRST_DELAY_MS = 100
const MAX_DELAY_MS = 60_000
/** Who ran this long starts over with the first delay. */
const STEADY_MS = 10_000

/** Docker's restart policies: whether to start again, and how long to wait before. */
export function decideRestart(o: {
  policy: NonNullable<HostConfig['RestartPolicy']>
  /** A user stopped or killed it in this run. */
  cancelled: boolean
  manuallyStopped: boolean
  exitCode: number
  /** Automatic restarts since the last manual start. */
  restartCount: number
  /** The delay before the last restart, 0 for none. */
  delayMs: number
  /** How long it ran. */
  durationMs: number
}): { restart: boolean; delayMs: number } {
  const before = o.durationMs >= STEADY_MS ? 0 : o.delayMs
  const delayMs = before === 0 ? FIRST_DELAY_MS : Math.min(before * 2, MAX_DELAY_MS)
  return { restart: !o.cancelled && wants(o), delayMs }
}

function wants(o: Parameters<typeof decideRestart>[0]): boolean {
  switch (o.policy.Name) {
    case 'always':
      return true
    case 'unless-stopped':
      return !o.manuallyStopped
    case 'on-failure': {
      const limit = o.policy.MaximumRetryCount ?? 0
      return o.exitCode !== 0 && (limit === 0 || o.restartCount < limit)
    }
    default:
      return false
  }
}
