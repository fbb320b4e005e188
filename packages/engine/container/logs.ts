import type { Readable } from 'node:stream'
import type { LogsOptions } from '../backend-types.ts'
import { conflict, invalidParameter, notImplemented } from '../base/errors.ts'
import type { Container } from './container.ts'
import type { Context } from './context.ts'
import { containerDirs } from './paths.ts'

/** `GET /containers/{id}/logs`: errors first, then a stream. */
export async function containerLogs(
  ctx: Context,
  reference: string,
  o: LogsOptions,
): Promise<{ tty: boolean; stream: Readable }> {
  if (!o.stdout && !o.stderr) throw invalidParameter('You must choose at least one stream')
  const c = ctx.registry.get(reference)
  await c.reconciled
  if (c.removing || c.state === 'dead')
    throw conflict('can not get logs from container which is dead or marked for removal')
  requireReadableLog(c)
  const tty = c.config.Tty ?? false
  const { path, ended } = logSource(ctx, c)
  return { tty, stream: ctx.readLog({ ...o, path, ended, tty }) }
}

/** Throws notImplemented for `none`. */
export function requireReadableLog(c: Container): void {
  if (c.hostConfig.LogConfig?.Type !== 'json-file')
    throw notImplemented('configured logging driver does not support reading')
}

/** Where the log lies, and when its writer is done: following goes no further. */
export function logSource(ctx: Context, c: Container): { path: string; ended: Promise<unknown> } {
  const dirs = containerDirs(ctx.config.dataRoot, ctx.config.execRoot, c.id)
  return { path: dirs.log, ended: c.live?.shim.exited ?? Promise.resolve() }
}
