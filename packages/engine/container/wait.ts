import type { ContainerWaitResponse } from '@tdocker/api'
import type { WaitCondition } from '../backend-types.ts'
import { type Container, isRunning, type Waiter } from './container.ts'
import type { Context } from './context.ts'
import { noSuchContainer } from './messages.ts'

type Status = Parameters<Waiter>[0]

/**
 * `POST /containers/{id}/wait`: finds the container and registers at once, so that a client which
 * sees the answer's head can start the container and loses nothing.
 */
export async function waitContainer(
  ctx: Context,
  reference: string,
  o: { condition: WaitCondition; signal: AbortSignal },
): Promise<{ result: Promise<ContainerWaitResponse> }> {
  const c = ctx.registry.get(reference)
  await c.reconciled
  if (!ctx.registry.has(c)) throw noSuchContainer(reference)
  return { result: waitFor(c, o.condition, o.signal).then(toResponse) }
}

/** Resolves with the exit status when `condition` is met; code -1 when aborted. */
export function waitFor(
  c: Container,
  condition: WaitCondition,
  signal?: AbortSignal,
): Promise<Status> {
  if (condition === 'not-running' && !isRunning(c)) return Promise.resolve(statusOf(c))
  const waiters = condition === 'removed' ? c.waiters.removed : c.waiters.stop
  return new Promise((resolve) => {
    const abort = (): void => {
      waiters.delete(waiter)
      resolve({ exitCode: -1, error: 'context canceled' })
    }
    const waiter: Waiter = (status) => {
      signal?.removeEventListener('abort', abort)
      resolve(status)
    }
    if (signal?.aborted) return abort()
    waiters.add(waiter)
    signal?.addEventListener('abort', abort, { once: true })
  })
}

export function wakeStopWaiters(c: Container): void {
  wake(c.waiters.stop, statusOf(c))
}

/** Removal, or its failure, wakes everyone: it may never have run. */
export function wakeAllWaiters(c: Container): void {
  wake(c.waiters.removed, statusOf(c))
  wakeStopWaiters(c)
}

function wake(waiters: Set<Waiter>, status: Status): void {
  const all = [...waiters]
  waiters.clear()
  for (const waiter of all) waiter(status)
}

function statusOf(c: Container): Status {
  return { exitCode: c.exitCode, error: c.error }
}

function toResponse(status: Status): ContainerWaitResponse {
  return {
    StatusCode: status.exitCode,
    ...(status.error === '' ? {} : { Error: { Message: status.error } }),
  }
}
