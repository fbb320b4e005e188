import { parseFilters } from '@tdocker/api/filters.ts'
import { InvalidRequest } from '@tdocker/api/invalid.ts'
import { flag, list, text } from '@tdocker/api/query.ts'
import { parseUnixTime } from '@tdocker/api/time.ts'
import type { AuthConfig, DiskUsageKind } from '@tdocker/api'
import type { SystemBackend } from '../backend.ts'
import { announcesBody } from '../announces-body.ts'
import { diskUsageFor } from '../compat/disk-usage.ts'
import { eventFor, infoFor } from '../compat/system.ts'
import { type Exchange, stringify } from '../exchange.ts'
import { accepts } from '../negotiate.ts'
import type { Routes } from '../router.ts'

export function systemRoutes(system: SystemBackend): Routes {
  return {
    SystemInfo: async (x) => x.json(200, infoFor(await system.info(x.version), x.version)),
    SystemVersion: async (x) => x.json(200, await system.version(x.version)),
    SystemAuth: async (x) => x.json(200, await system.auth(await credentials(x))),
    SystemEvents: (x) => sendEvents(x, system),
    SystemDataUsage: async (x) => {
      const verbose = x.since('diskUsageByKind') && flag(x.query, 'verbose')
      x.json(200, diskUsageFor(await system.diskUsage(usageKinds(x)), x.version, verbose))
    },
  }
}

const kinds: readonly string[] = [
  'container',
  'image',
  'volume',
  'build-cache',
] satisfies DiskUsageKind[]

function usageKinds(x: Exchange): ReadonlySet<DiskUsageKind> {
  const asked = x.since('diskUsageTypes') && x.query['type'] !== undefined
  const named = asked ? list(x.query, 'type') : kinds
  const unknown = named.find((kind) => !kinds.includes(kind))
  if (unknown !== undefined) throw new InvalidRequest(`unknown object type: ${unknown}`)
  return new Set(named as readonly DiskUsageKind[])
}

const authConfig = async () => (await import('@tdocker/api/schema/system.ts')).AuthConfig

/** A body is needed, if only `null`; what is wrong with it Docker says of the header. */
async function credentials(x: Exchange): Promise<AuthConfig> {
  try {
    if (!announcesBody(x.request)) throw new InvalidRequest('invalid JSON: EOF')
    return (await x.body(authConfig)) ?? {}
  } catch (error) {
    if (!(error instanceof InvalidRequest) || !error.message.startsWith('invalid JSON')) throw error
    const sentence = error.message.replace('got EOF while reading request body', 'EOF')
    throw new InvalidRequest(`invalid X-Registry-Auth header: ${sentence}`)
  }
}

const lineTypes = ['application/jsonl', 'application/x-ndjson', 'application/json-seq']

async function sendEvents(x: Exchange, system: SystemBackend): Promise<void> {
  const range = eventRange(x)
  const filters = parseFilters(text(x.query, 'filters'), 'SystemEvents')
  const fallback = x.since('jsonLines') ? 'application/jsonl' : 'application/json'
  const type = accepts(x.header('accept'), lineTypes) ?? fallback
  const start = type === 'application/json-seq' ? '\x1e' : ''
  const { version, signal } = x
  const events = system.events({ ...range, filters, signal })
  x.open(type)
  for await (const batch of events) {
    const told = batch.flatMap((event) => eventFor(event, version) ?? [])
    const text = told.map((event) => `${start}${stringify(event)}\n`).join('')
    // One batch on its way at a time: what comes meanwhile waits in the log, not here.
    if (text !== '' && !(await x.deliver(text))) break
  }
  x.end()
}

function eventRange(x: Exchange): { sinceNs?: bigint; untilNs?: bigint } {
  const sinceNs = timeOf(x, 'since')
  const untilNs = timeOf(x, 'until')
  if (untilNs !== undefined && untilNs < (sinceNs ?? 0n)) {
    throw new InvalidRequest(
      `\`since\` time (${text(x.query, 'since')}) cannot be after \`until\` time (${text(x.query, 'until')})`,
    )
  }
  return { ...(sinceNs !== undefined && { sinceNs }), ...(untilNs !== undefined && { untilNs }) }
}

function timeOf(x: Exchange, key: string): bigint | undefined {
  try {
    return parseUnixTime(text(x.query, key))
  } catch (error) {
    throw new InvalidRequest(`invalid value for '${key}': ${(error as Error).message}`)
  }
}
