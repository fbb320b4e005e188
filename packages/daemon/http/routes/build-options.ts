/** Parameters of `POST /build` (moby: daemon/server/router/build/build_routes.go). */
import { InvalidRequest } from '@tdocker/api/invalid.ts'
import { flag, flagOr, list, text } from '@tdocker/api/query.ts'
import { decodeRegistryAuths } from '@tdocker/api/registry-auth.ts'
import type { BuildOptions } from '../backend.ts'
import type { Exchange } from '../exchange.ts'

export type BuildQuery = Omit<BuildOptions, 'progress'>

/** Throws InvalidRequest with moby's sentences. */
export function buildOptions(x: Exchange): BuildQuery {
  const { query } = x
  refuse(x)
  return {
    body: x.stream,
    dockerfile: text(query, 'dockerfile'),
    remote: text(query, 'remote'),
    tags: list(query, 't'),
    quiet: flag(query, 'q'),
    noCache: flag(query, 'nocache'),
    pull: flag(query, 'pull'),
    remove: flag(query, 'forcerm') || flagOr(query, 'rm', true) || text(query, 'rm') === '',
    target: text(query, 'target'),
    platform: x.since('buildPlatform') ? text(query, 'platform') : '',
    buildArgs: texts(x, 'buildargs', 'error reading build args', { nulls: true }),
    labels: texts(x, 'labels', 'error reading labels', { nulls: false }) as Record<string, string>,
    cacheFrom: json(x, 'cachefrom', 'error reading cache-from', isTextList) ?? [],
    noCacheFilter: json(x, 'nocachefilter', 'error reading no-cache-filter', isTextList) ?? [],
    contexts: texts(x, 'contexts', 'error reading contexts', { nulls: false }) as Record<
      string,
      string
    >,
    outputs: outputsOf(x),
    session: text(query, 'session'),
    call: callOf(x),
    networkMode: text(query, 'networkmode'),
    extraHosts: list(query, 'extrahosts'),
    resources: {
      Memory: integerOrZero(x, 'memory'),
      MemorySwap: integerOrZero(x, 'memswap'),
      CpuShares: integerOrZero(x, 'cpushares'),
      CpuPeriod: integerOrZero(x, 'cpuperiod'),
      CpuQuota: integerOrZero(x, 'cpuquota'),
      CpusetCpus: text(query, 'cpusetcpus'),
      CpusetMems: text(query, 'cpusetmems'),
      CgroupParent: text(query, 'cgroupparent'),
      ShmSize: shmSize(x),
      Ulimits: json(x, 'ulimits', 'error reading ulimit settings', isUlimits) ?? [],
    },
    client: x.header('user-agent') ?? '',
    auths: decodeRegistryAuths(x.header('x-registry-config')),
    signal: x.signal,
  }
}

function refuse(x: Exchange): void {
  const { query } = x
  if (list(query, 'securityopt').length > 0)
    throw new InvalidRequest('security options are not supported on linux')
  const isolation = text(query, 'isolation')
  if (!['', 'default', 'process', 'hyperv'].includes(isolation.toLowerCase()))
    throw new InvalidRequest(`unsupported isolation: ${JSON.stringify(isolation)}`)
  const version = text(query, 'version')
  if (!['', '1', '2'].includes(version))
    throw new InvalidRequest(`invalid version ${JSON.stringify(version)}`)
  if (flag(query, 'squash'))
    throw new InvalidRequest('squash is only supported with experimental mode')
}

function outputsOf(x: Exchange): BuildOptions['outputs'] {
  if (!x.since('buildOutputs')) return []
  return json(x, 'outputs', 'error reading outputs', isOutputs) ?? []
}

function callOf(x: Exchange): BuildOptions['call'] {
  const call = text(x.query, 'call')
  if (call === '' || call === 'build') return ''
  if (call === 'check' || call === 'lint') return 'check'
  if (call === 'outline' || call === 'targets') return call
  throw new InvalidRequest(`unsupported call: ${JSON.stringify(call)}`)
}

/** As Go's `Int64ValueOrZero`. */
function integerOrZero(x: Exchange, key: string): number {
  const value = Number(text(x.query, key))
  return Number.isSafeInteger(value) ? value : 0
}

function shmSize(x: Exchange): number {
  const given = text(x.query, 'shmsize')
  if (given !== '' && !/^[+-]?\d+$/.test(given))
    throw new InvalidRequest(`strconv.ParseInt: parsing ${JSON.stringify(given)}: invalid syntax`)
  return Number(given)
}

function texts(
  x: Exchange,
  key: string,
  what: string,
  { nulls }: { nulls: boolean },
): Record<string, string | null> {
  const isMap = (value: unknown): value is Record<string, string | null> =>
    isObject(value) &&
    Object.values(value).every((each) => typeof each === 'string' || (nulls && each === null))
  return json(x, key, what, isMap) ?? {}
}

/** undefined when absent or null. */
function json<T>(
  x: Exchange,
  key: string,
  what: string,
  is: (value: unknown) => value is T,
): T | undefined {
  const given = text(x.query, key)
  if (given === '') return undefined
  let value: unknown
  try {
    value = JSON.parse(given)
  } catch (error) {
    throw new InvalidRequest(`${what}: ${(error as Error).message}`)
  }
  if (value === null) return undefined
  if (!is(value)) throw new InvalidRequest(`${what}: json: cannot unmarshal value`)
  return value
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isTextList(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((each) => typeof each === 'string')
}

function isTextMap(value: unknown): value is Record<string, string> {
  return isObject(value) && Object.values(value).every((each) => typeof each === 'string')
}

function isUlimits(value: unknown): value is Array<{ Name: string; Soft: number; Hard: number }> {
  return (
    Array.isArray(value) &&
    value.every(
      (each) =>
        isObject(each) &&
        'Name' in each &&
        typeof each.Name === 'string' &&
        'Soft' in each &&
        Number.isSafeInteger(each.Soft) &&
        'Hard' in each &&
        Number.isSafeInteger(each.Hard),
    )
  )
}

function isOutputs(value: unknown): value is Array<BuildOptions['outputs'][number]> {
  return (
    Array.isArray(value) &&
    value.every(
      (each) =>
        isObject(each) &&
        'Type' in each &&
        typeof each.Type === 'string' &&
        (!('Attrs' in each) || each.Attrs === null || isTextMap(each.Attrs)),
    )
  )
}
