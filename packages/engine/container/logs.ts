import type { LogSource, LogsOptions } from '../backend-types.ts'
import { conflict, invalidParameter, notImplemented } from '../base/errors.ts'
import type { LogFiles } from '../log/log-files.ts'
import { sendLog } from '../log/read-log.ts'
import { hasReadableLog, logFilesOf } from './container-log.ts'
import type { Container } from './container.ts'
import type { Context } from './context.ts'

/** `GET /containers/{id}/logs`: errors first, then a stream. */
export async function containerLogs(
  ctx: Context,
  reference: string,
  o: LogsOptions,
): Promise<LogSource> {
  if (!o.stdout && !o.stderr) throw invalidParameter('You must choose at least one stream')
  const c = ctx.registry.get(reference)
  await c.reconciled
  if (c.removing || c.state === 'dead')
    throw conflict('can not get logs from container which is dead or marked for removal')
  requireReadableLog(c)
  const tty = c.config.Tty ?? false
  const options = { ...o, ...logSource(ctx, c), readers: ctx.logs.readers, tty }
  return {
    tty,
    stream: ctx.readLog(options),
    // The client's end is not heard of while there is nothing to send.
    ...(!o.follow && !o.details && { sendTo: (fd: number) => sendLog(options, ctx.native, fd) }),
  }
}

/** Throws notImplemented for `none`, and where nothing is kept of what was sent elsewhere. */
export function requireReadableLog(c: Container): void {
  if (!hasReadableLog(c)) throw notImplemented('configured logging driver does not support reading')
}

/** Where the log lies, and when its writer is done: following goes no further. */
export function logSource(
  ctx: Context,
  c: Container,
): { files: LogFiles; ended: Promise<unknown> } {
  const files = logFilesOf(ctx, c)
  if (!files) throw notImplemented('configured logging driver does not support reading')
  return { files, ended: c.live?.shim.exited ?? Promise.resolve() }
}
