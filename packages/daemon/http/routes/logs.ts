import { pipeline } from 'node:stream/promises'
import { InvalidRequest } from '@tdocker/api/invalid.ts'
import { flag, text } from '@tdocker/api/query.ts'
import { parseUnixTime } from '@tdocker/api/time.ts'
import type { ContainerBackend, LogsOptions } from '../backend.ts'
import { accepts } from '../negotiate.ts'
import type { Exchange } from '../exchange.ts'

/** Frames or raw bytes, as the container has a terminal or not. */
export async function sendLogs(x: Exchange, containers: ContainerBackend): Promise<void> {
  const options = logsOptions(x)
  const json = jsonType(x)
  const { tty, stream, sendTo } = await containers.logs(x.param('id'), {
    ...options,
    ...(json !== undefined && { json: { prefix: json === SEQUENCE ? '\x1e' : '' } }),
  })
  const multiplexed = !tty && x.since('multiplexedStream')
  const contentType = json ?? `application/vnd.docker.${multiplexed ? 'multiplexed' : 'raw'}-stream`
  if (x.bulk && sendTo && json === undefined)
    return x.bulk.send({ 'Content-Type': contentType }, sendTo)
  x.open(contentType)
  const stop = (): void => void stream.destroy()
  x.signal.addEventListener('abort', stop, { once: true })
  if (x.signal.aborted) stop()
  try {
    await pipeline(stream, x.response)
  } catch (error) {
    if (!x.signal.aborted) throw error
  }
}

const SEQUENCE = 'application/json-seq'
const jsonTypes = ['application/jsonl', 'application/x-ndjson', SEQUENCE]

/** The media type of a log as JSON, when that was asked for by `format` or by a type of its own. */
function jsonType(x: Exchange): string | undefined {
  if (!x.since('jsonLogs')) return undefined
  const format = text(x.query, 'format')
  if (format !== '' && format !== 'json') throw new InvalidRequest('unsupported log format')
  return accepts(x.header('accept'), jsonTypes) ?? (format === 'json' ? jsonTypes[1] : undefined)
}

function logsOptions(x: Exchange): LogsOptions {
  const stdout = flag(x.query, 'stdout')
  const stderr = flag(x.query, 'stderr')
  if (!stdout && !stderr) {
    throw new InvalidRequest("must specify at least one of 'stdout' or 'stderr'")
  }
  const sinceNs = timeOf(x, 'since')
  const untilNs = text(x.query, 'until') === '0' ? undefined : timeOf(x, 'until')
  const tail = tailOf(text(x.query, 'tail'))
  return {
    stdout,
    stderr,
    follow: flag(x.query, 'follow'),
    timestamps: flag(x.query, 'timestamps'),
    details: flag(x.query, 'details'),
    ...(sinceNs !== undefined && { sinceNs }),
    ...(untilNs !== undefined && { untilNs }),
    ...(tail !== undefined && { tail }),
    signal: x.signal,
  }
}

/** Whatever is not a number of lines means all of them. */
function tailOf(given: string): number | undefined {
  return /^\d+$/.test(given) ? Number(given) : undefined
}

function timeOf(x: Exchange, key: string): bigint | undefined {
  try {
    return parseUnixTime(text(x.query, key))
  } catch (error) {
    throw new InvalidRequest(`invalid value for "${key}": ${(error as Error).message}`)
  }
}
