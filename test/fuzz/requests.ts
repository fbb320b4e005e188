/** Requests of all operations as bytes, each with something wrong in it, or nothing. */
import { operations, type Operation } from '@tdocker/api/operations.ts'
import { ContainerCreateRequest, ContainerUpdateRequest } from '@tdocker/api/schema/container.ts'
import { ExecCreateRequest, ExecStartRequest } from '@tdocker/api/schema/exec.ts'
import {
  NetworkConnectRequest,
  NetworkCreateRequest,
  NetworkDisconnectRequest,
} from '@tdocker/api/schema/network.ts'
import { AuthConfig } from '@tdocker/api/schema/system.ts'
import { VolumeCreateRequest } from '@tdocker/api/schema/volume.ts'
import { jsonBody, PATHS, type Schema, STRINGS, type BodyOptions } from './json.ts'
import type { Random } from './random.ts'

/** Names of things that are there, so that requests get past the look-up. */
export interface Targets {
  containers: readonly string[]
  execs: readonly string[]
  images: readonly string[]
  others: readonly string[]
}

export interface FuzzRequest {
  operation: string
  bytes: Buffer
  /** Bytes to send before the connection is broken off; all when undefined. */
  cutAt: number | undefined
  /** Goes away without waiting for the answer. */
  hangUp: boolean
  /** Ends its side after the request, as whoever sends a wrong length has to. */
  endsInput: boolean
  /** What is said after a connection has been taken over. */
  afterUpgrade: Buffer
}

const SCHEMAS: Readonly<Record<string, Schema>> = {
  ContainerCreate: ContainerCreateRequest as Schema,
  ContainerUpdate: ContainerUpdateRequest as Schema,
  ContainerExec: ExecCreateRequest as Schema,
  ExecStart: ExecStartRequest as Schema,
  NetworkCreate: NetworkCreateRequest as Schema,
  NetworkConnect: NetworkConnectRequest as Schema,
  NetworkDisconnect: NetworkDisconnectRequest as Schema,
  SystemAuth: AuthConfig as Schema,
  VolumeCreate: VolumeCreateRequest as Schema,
}

const BASES: Readonly<Record<string, NonNullable<BodyOptions['base']>>> = {
  ContainerCreate: { Image: 'busybox', Cmd: ['true'] },
  ContainerExec: { Cmd: ['true'] },
  SystemAuth: { serveraddress: 'localhost:1' },
}

const CONTAINERS = operations.filter(({ tag }) => tag === 'Container' || tag === 'Exec')

/** Registries are on the network, and a test has none. */
const NO_REGISTRY: readonly string[] = [
  'localhost:1/x',
  'localhost:1/x:y',
  'UP',
  '',
  ':',
  'a@b',
  'x//y',
]
const REGISTRY_OPERATIONS: ReadonlySet<string> = new Set([
  ...['ImageCreate', 'ImagePush', 'DistributionInspect', 'ImageSearch', 'SystemAuth', 'PluginPull'],
  ...['GetPluginPrivileges', 'PluginUpgrade'],
])

const QUERIES: Readonly<Record<string, readonly string[]>> = {
  ContainerList: ['all', 'limit', 'size', 'filters'],
  ContainerCreate: ['name', 'platform'],
  ContainerInspect: ['size'],
  ContainerTop: ['ps_args'],
  ContainerLogs: ['follow', 'stdout', 'stderr', 'since', 'until', 'timestamps', 'tail', 'details'],
  ContainerStats: ['stream', 'one-shot'],
  ContainerResize: ['h', 'w'],
  ContainerStart: ['detachKeys'],
  ContainerStop: ['t', 'signal'],
  ContainerRestart: ['t', 'signal'],
  ContainerKill: ['signal'],
  ContainerRename: ['name'],
  ContainerAttach: ['detachKeys', 'logs', 'stream', 'stdin', 'stdout', 'stderr'],
  ContainerAttachWebsocket: ['detachKeys', 'logs', 'stream', 'stdin', 'stdout', 'stderr'],
  ContainerWait: ['condition'],
  ContainerDelete: ['v', 'force', 'link'],
  ContainerArchive: ['path'],
  ContainerArchiveInfo: ['path'],
  PutContainerArchive: ['path', 'noOverwriteDirNonDir', 'copyUIDGID'],
  ImageCreate: ['fromImage', 'fromSrc', 'repo', 'tag', 'message', 'changes', 'platform'],
  ExecResize: ['h', 'w'],
  SystemEvents: ['since', 'until', 'filters'],
  SystemDataUsage: ['type', 'verbose'],
}
const ANY_QUERY: readonly string[] = [
  'all',
  'filters',
  'force',
  'name',
  'platform',
  'tag',
  '__proto__',
]

const FILTERS: readonly string[] = [
  ...[
    '{}',
    '[]',
    'null',
    '{"label":["a=b"]}',
    '{"label":{"a":true}}',
    '{"status":["running"]}',
    '{"x":1}',
  ],
  ...['{"name":["(((("]}', '{"name":["(a+)+$"]}', '{"__proto__":["x"]}', '{"id":["\\u0000"]}', '{'],
  ...[
    '{"before":["none"]}',
    '{"until":["1h"]}',
    '{"until":["x"]}',
    '{"exited":["-1"]}',
    '{"health":[]}',
  ],
]

const VERSIONS: readonly string[] = [
  '',
  '',
  '',
  '/v1.24',
  '/v1.27',
  '/v1.40',
  '/v1.41',
  '/v1.47',
  '/v1.56',
]
const BAD_VERSIONS: readonly string[] = [
  '/v1.99',
  '/v0',
  '/v1.23',
  '/v1.24.9',
  '/v1.',
  '/v..',
  `/v${'9'.repeat(400)}`,
]

export function makeRequest(targets: Targets, random: Random): FuzzRequest {
  random.oddities = random.chance(0.5)
  const operation = random.pick(random.chance(0.6) ? CONTAINERS : operations)
  const head = headOf(operation, targets, random)
  const { headers, body, odd = false } = bodyOf(operation, random)
  const lines = [head, ...shuffledHeaders(headers, operation, random)]
  const end = random.chance(0.02) ? '\n\n' : '\r\n\r\n'
  let bytes = Buffer.concat([Buffer.from(lines.join('\r\n') + end, 'latin1'), body])
  if (random.chance(0.03))
    bytes = Buffer.concat([bytes, Buffer.from('GET /_ping HTTP/1.1\r\nHost: x\r\n\r\n')])
  return {
    operation: operation.id,
    bytes,
    cutAt: random.chance(0.05) ? random.below(bytes.length) : undefined,
    hangUp: random.chance(0.05),
    endsInput: random.chance(0.2) || odd || end === '\n\n',
    afterUpgrade: noise(random),
  }
}

function headOf(operation: Operation, targets: Targets, random: Random): string {
  const prefix = random.chance(0.04) ? random.pick(BAD_VERSIONS) : random.pick(VERSIONS)
  const path = operation.path.replaceAll(/\{\w+\}/g, () =>
    encode(nameFor(operation, targets, random), random),
  )
  const method = random.chance(0.01)
    ? random.pick(['PATCH', 'OPTIONS', 'TRACE', 'x'])
    : operation.method
  const protocol = random.chance(0.02)
    ? random.pick(['HTTP/1.0', 'HTTP/2.0', 'HTTP/9'])
    : 'HTTP/1.1'
  return `${method} ${prefix}${path}${queryOf(operation, random)} ${protocol}`
}

function nameFor(operation: Operation, targets: Targets, random: Random): string {
  if (REGISTRY_OPERATIONS.has(operation.id)) return random.pick(NO_REGISTRY)
  if (random.chance(0.15)) return random.pick(STRINGS)
  if (random.chance(0.01)) return 'n'.repeat(10_000)
  if (operation.path.startsWith('/containers/')) return random.pick(targets.containers)
  if (operation.path.startsWith('/exec/')) return random.pick(targets.execs)
  if (operation.path.startsWith('/images/')) return random.pick(targets.images)
  return random.pick(targets.others)
}

/** Percent-encoded as it should be, or not. */
function encode(text: string, random: Random): string {
  if (random.chance(0.02)) return random.pick(['%zz', '%', '%c3%28', '%00', '%2e%2e%2f', '%ff'])
  return encodeURIComponent(text.toWellFormed())
}

function queryOf(operation: Operation, random: Random): string {
  const known = QUERIES[operation.id] ?? ANY_QUERY
  const parts: string[] = []
  for (const key of known) {
    if (!random.chance(0.4)) continue
    parts.push(`${key}=${encode(queryValue(operation, key, random), random)}`)
    if (random.chance(0.03)) parts.push(`${key}=${encode(random.pick(STRINGS), random)}`)
  }
  if (random.chance(0.02)) parts.push(random.pick(['&&', '=', '%', 'a[]=1', 'x'.repeat(20_000)]))
  return parts.length > 0 ? `?${parts.join('&')}` : ''
}

function queryValue(operation: Operation, key: string, random: Random): string {
  if (REGISTRY_OPERATIONS.has(operation.id) && key !== 'changes') return random.pick(NO_REGISTRY)
  if (key === 'filters') return random.pick(FILTERS)
  if (key === 'path') return random.pick([...PATHS, ...STRINGS])
  if (key === 't') return random.pick(['0', '1', '-1', 'x', '99999999999999999999', '1.5', ''])
  if (key === 'force' || key === 'v') return random.pick(['0', '1', 'true', 'no'])
  return random.pick(random.chance(0.5) ? ['1', '0', 'true', '24', '100'] : STRINGS)
}

interface Body {
  headers: string[]
  body: Buffer
  /** The length is not what it says. */
  odd?: boolean
}

function bodyOf(operation: Operation, random: Random): Body {
  if (operation.method === 'GET' || operation.method === 'HEAD' || operation.method === 'DELETE')
    return random.chance(0.97)
      ? { headers: [], body: Buffer.alloc(0) }
      : framed(Buffer.from('{}'), random)
  const schema = SCHEMAS[operation.id]
  if (!schema && random.chance(0.6))
    return { headers: ['Content-Length: 0'], body: Buffer.alloc(0) }
  const base = BASES[operation.id]
  const text = jsonBody(schema ?? {}, random, base ? { base } : {})
  return framed(random.chance(0.03) ? noise(random) : Buffer.from(text), random)
}

/** Length or chunks, now and then wrong. */
function framed(body: Buffer, random: Random): Body {
  const type = random.chance(0.94)
    ? 'application/json'
    : random.pick(['text/plain', '', 'application/json; charset=x', 'application/x-tar', ';'])
  const headers = [`Content-Type: ${type}`]
  const roll = random.oddities ? random.next() : 0
  if (roll < 0.75) return { headers: [...headers, `Content-Length: ${body.length}`], body }
  if (roll < 0.78)
    return { headers: [...headers, `Content-Length: ${body.length + 5}`], body, odd: true }
  if (roll < 0.8)
    return {
      headers: [...headers, `Content-Length: ${Math.max(body.length - 3, 0)}`],
      body,
      odd: true,
    }
  if (roll < 0.82)
    return {
      headers: [
        ...headers,
        `Content-Length: ${random.pick(['-1', 'x', '99999999999999999999', '1e3', '0x10'])}`,
      ],
      body,
      odd: true,
    }
  headers.push('Transfer-Encoding: chunked')
  if (roll < 0.96) return { headers, body: chunked(body, random) }
  return {
    headers,
    body: Buffer.from(
      random.pick(['zz\r\n', '5\r\nab', 'ffffffffffffffff\r\n', '-1\r\n\r\n', '0\r\n']),
    ),
    odd: true,
  }
}

function chunked(body: Buffer, random: Random): Buffer {
  const parts: Buffer[] = []
  for (let at = 0; at < body.length;) {
    const size = Math.min(body.length - at, 1 + random.below(Math.max(64, body.length)))
    parts.push(Buffer.from(`${size.toString(16)}${random.chance(0.1) ? ';a=b' : ''}\r\n`))
    parts.push(body.subarray(at, at + size), Buffer.from('\r\n'))
    at += size
  }
  return Buffer.concat([...parts, Buffer.from('0\r\n\r\n')])
}

const UPGRADE = ['Connection: Upgrade', 'Upgrade: tcp']
const WEBSOCKET = [
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
]

function shuffledHeaders(
  headers: readonly string[],
  operation: Operation,
  random: Random,
): string[] {
  const all = ['Host: docker', ...headers]
  const hijacked = /attach|exec\/\{id\}\/start|session/.test(operation.path)
  if (random.chance(hijacked ? 0.6 : 0.03))
    all.push(...(operation.path.endsWith('/ws') ? WEBSOCKET : UPGRADE))
  if (random.chance(0.01)) all.push(...WEBSOCKET.slice(0, 1 + random.below(3)))
  const odd = [
    'Content-Length: 3',
    'Transfer-Encoding: gzip, chunked',
    'Expect: 100-continue',
    'Expect: x',
    'Connection: close',
    `X-Long: ${'x'.repeat(60_000)}`,
    'X-Registry-Auth: !!!',
    'X-Registry-Auth: e30=',
    'No colon here',
    ': empty',
    'X-Nul: a\u0000b',
    'X-Fold: a\r\n b',
    'Content-Encoding: gzip',
  ]
  for (let more = random.chance(0.08) ? 1 + random.below(2) : 0; more > 0; more--)
    all.push(random.pick(odd))
  if (random.chance(0.01)) all.push(...Array.from({ length: 1500 }, (_, n) => `X-${n}: y`))
  if (random.chance(0.01)) all.shift()
  return all
}

function noise(random: Random): Buffer {
  return Buffer.from(Array.from({ length: random.below(200) }, () => random.below(256)))
}
