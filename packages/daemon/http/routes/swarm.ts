/**
 * The swarm family as an engine outside of a swarm answers it (moby: daemon/cluster): a request
 * that is wrong in itself is told so first.
 */
import { type FilteredOperation, parseFilters } from '@tdocker/api/filters.ts'
import { InvalidRequest } from '@tdocker/api/invalid.ts'
import { flag, text } from '@tdocker/api/query.ts'
import { parseUnixTime } from '@tdocker/api/time.ts'
import { notImplemented, unavailable } from '@tdocker/engine/base/errors.ts'
import type { TSchema } from 'typebox'
import type { Exchange, Lazy } from '../exchange.ts'
import type { Handler, Routes } from '../router.ts'

type Check = (x: Exchange) => void | Promise<void>

export function swarmRoutes(): Routes {
  return {
    SwarmInspect: manager(),
    SwarmInit: refuse(notSupported, body('SwarmInitRequest')),
    SwarmJoin: refuse(notSupported, body('SwarmJoinRequest')),
    SwarmLeave: refuse(() => unavailable('This node is not part of a swarm')),
    SwarmUpdate: manager(body('SwarmSpec'), version('swarm version'), rotations),
    SwarmUnlockkey: manager(),
    SwarmUnlock: manager(body('SwarmUnlockRequest')),
    NodeList: manager(filters('NodeList')),
    NodeInspect: manager(),
    NodeDelete: manager(),
    NodeUpdate: manager(body('NodeSpec'), version('node version')),
    ServiceList: manager(filters('ServiceList')),
    ServiceCreate: manager(body('ServiceSpec')),
    ServiceInspect: manager((x) => goBoolean(x, 'insertDefaults')),
    ServiceUpdate: manager(body('ServiceSpec'), version('service version')),
    ServiceDelete: manager(),
    ServiceLogs: manager(logStreams),
    TaskList: manager(filters('TaskList')),
    TaskInspect: manager(),
    TaskLogs: manager(logStreams),
    SecretList: { since: 'secrets', handler: manager(filters('SecretList')) },
    SecretCreate: { since: 'secrets', handler: manager(body('SecretSpec')) },
    SecretInspect: { since: 'secrets', handler: manager() },
    SecretUpdate: {
      since: 'secrets',
      handler: manager(body('SecretSpec'), plainVersion('invalid secret version')),
    },
    SecretDelete: { since: 'secrets', handler: manager() },
    ConfigList: { since: 'configs', handler: manager(filters('ConfigList')) },
    ConfigCreate: { since: 'configs', handler: manager(body('ConfigSpec')) },
    ConfigInspect: { since: 'configs', handler: manager() },
    ConfigUpdate: {
      since: 'configs',
      handler: manager(body('ConfigSpec'), plainVersion('invalid config version')),
    },
    ConfigDelete: { since: 'configs', handler: manager() },
  }
}

/** What only a manager of a swarm can answer. */
export const notManager =
  'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to swarm and try again.'

function manager(...checks: readonly Check[]): Handler {
  return refuse(() => unavailable(notManager), ...checks)
}

function notSupported(): Error {
  return notImplemented('swarm mode is not supported by tdocker yet')
}

function refuse(error: () => Error, ...checks: readonly Check[]): Handler {
  return async (x) => {
    for (const check of checks) await check(x)
    throw error()
  }
}

type SchemaName = Exclude<keyof typeof import('@tdocker/api/schema/swarm.ts'), 'PluginSettings'>

function body(name: SchemaName): Check {
  const schema: Lazy<TSchema> = async () => (await import('@tdocker/api/schema/swarm.ts'))[name]
  return async (x) => void (await x.body(schema))
}

function filters(operation: FilteredOperation): Check {
  return (x) => void parseFilters(text(x.query, 'filters'), operation)
}

/** `version=` of an update, as Go's `strconv.ParseUint`. */
function version(what: string): Check {
  return (x) => {
    const given = text(x.query, 'version')
    const why = unsignedProblem(given)
    if (why === undefined) return
    throw new InvalidRequest(
      `invalid ${what} '${given}': strconv.ParseUint: parsing ${JSON.stringify(given)}: ${why}`,
    )
  }
}

function plainVersion(sentence: string): Check {
  return (x) => {
    if (unsignedProblem(text(x.query, 'version'))) throw new InvalidRequest(sentence)
  }
}

function unsignedProblem(given: string): string | undefined {
  if (!/^\d+$/.test(given)) return 'invalid syntax'
  return BigInt(given) > 0xffff_ffff_ffff_ffffn ? 'value out of range' : undefined
}

const goBooleans = /^(?:[01tTfF]|true|TRUE|True|false|FALSE|False)$/

function rotations(x: Exchange): void {
  for (const key of ['rotateWorkerToken', 'rotateManagerToken', 'rotateManagerUnlockKey']) {
    const given = text(x.query, key)
    if (given !== '' && !goBooleans.test(given))
      throw new InvalidRequest(`invalid value for ${key}: ${given}`)
  }
}

function goBoolean(x: Exchange, key: string): void {
  const given = text(x.query, key)
  if (given === '' || goBooleans.test(given)) return
  throw new InvalidRequest(
    `invalid value for ${key}: ${given}: strconv.ParseBool: parsing ${JSON.stringify(given)}: invalid syntax`,
  )
}

function logStreams(x: Exchange): void {
  if (!flag(x.query, 'stdout') && !flag(x.query, 'stderr')) {
    throw new InvalidRequest("must specify at least one of 'stdout' or 'stderr'")
  }
  try {
    parseUnixTime(text(x.query, 'since'))
  } catch (error) {
    throw new InvalidRequest(`invalid value for "since": ${(error as Error).message}`)
  }
}
