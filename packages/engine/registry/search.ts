/**
 * `GET /images/search`: the v1 search protocol, which Docker Hub and registries of its kind still serve
 * (moby: daemon/pkg/registry/search*.go).
 */
import type { AuthConfig, SearchResult } from '@tdocker/api'
import type { Filters } from '../backend-types.ts'
import { booleanFilter } from '../base/boolean-filter.ts'
import { invalidParameter, system } from '../base/errors.ts'
import type { Authorizer } from './authorizer.ts'
import { HUB } from './mirror.ts'
import { readBody } from './read-body.ts'
import type { SearchOptions } from './registry-backend.ts'
import { plainError } from './registry-error.ts'
import type { Endpoint, RegistryConfig } from './registry-config.ts'
import { type Response, type Transport, discard } from './transport.ts'

export interface SearchContext {
  config: RegistryConfig
  transport: Transport
  authorizer(endpoint: Endpoint, local: boolean, credentials: AuthConfig): Authorizer
}

const HUB_INDEX = 'index.docker.io'
const DEFAULT_LIMIT = 25
const MAX_LIMIT = 100
const MAX_ANSWER = 4 * 1024 * 1024

/** Throws invalidParameter for terms, filters and limits that are none, and for hosts that do not answer. */
export async function searchImages(
  o: SearchContext,
  options: SearchOptions,
): Promise<SearchResult[]> {
  const keep = readFilters(options.filters)
  if (!keep) return []
  const { host, words } = splitTerm(options.term)
  const endpoint = await findEndpoint(o, host, options.signal)
  const limit = options.limit === 0 ? DEFAULT_LIMIT : options.limit
  if (limit < 1 || limit > MAX_LIMIT) {
    throw invalidParameter(`limit ${limit} is outside the range of [1, ${MAX_LIMIT}]`)
  }
  try {
    const found = await ask(o, endpoint, { ...options, limit, words })
    return found.filter(keep)
  } catch (error) {
    throw plainError(error)
  }
}

/** What a hit must be; undefined when nothing can be (`is-automated=true`). */
function readFilters(filters: Filters): ((result: SearchResult) => boolean) | undefined {
  if (booleanFilter(filters, 'is-automated')) return undefined
  const isOfficial = booleanFilter(filters, 'is-official')
  const stars = Math.max(0, ...(filters.get('stars') ?? []).map(starsOf))
  return (result) =>
    (isOfficial === undefined || result.is_official === isOfficial) &&
    (!filters.has('stars') || result.star_count >= stars)
}

function starsOf(text: string): number {
  if (/^[+-]?\d{1,18}$/.test(text)) return Number(text)
  const why = /^[+-]?\d+$/.test(text) ? 'value out of range' : 'invalid syntax'
  throw invalidParameter(
    `invalid filter 'stars=${text}': strconv.Atoi: parsing ${JSON.stringify(text)}: ${why}`,
  )
}

/** `host/words` where the first part looks like a host; else all are words for Hub. */
function splitTerm(term: string): { host: string; words: string } {
  if (term.includes('://')) {
    throw invalidParameter(
      `invalid repository name: repository name (${term}) should not have a scheme`,
    )
  }
  const slash = term.indexOf('/')
  const head = term.slice(0, Math.max(slash, 0))
  const isHost = slash !== -1 && (/[.:]/.test(head) || head === 'localhost')
  const host = isHost && head !== HUB_INDEX ? head : HUB
  const words = isHost ? term.slice(slash + 1) : term
  return { host, words: host === HUB ? words.replace(/^library\//, '') : words }
}

interface V1Endpoint extends Endpoint {
  local: boolean
}

/** Hub is known to serve it; others are asked by `_ping`, over TLS, then plainly if they may be insecure. */
async function findEndpoint(
  o: SearchContext,
  host: string,
  signal: AbortSignal,
): Promise<V1Endpoint> {
  if (host === HUB) {
    const base = new URL(`https://${HUB_INDEX}/`)
    return { base, mirror: false, insecure: false, local: false }
  }
  const [https, http] = (await o.config.endpoints(host, { mirrors: false })).map((endpoint) => ({
    ...endpoint,
    local: endpoint.insecure,
  }))
  if (!https) throw system(`no endpoints found for ${host}`)
  const failure = await ping(o, https, signal)
  if (failure === undefined) return https
  if (!http) throw invalidParameter(withHint(https.base, failure))
  const second = await ping(o, http, signal)
  if (second === undefined) return http
  const named = JSON.stringify(new URL('v1/', http.base).href)
  throw invalidParameter(
    `invalid registry endpoint ${named}. HTTPS attempt: ${failure}. HTTP attempt: ${second}`,
  )
}

function withHint(base: URL, failure: string): string {
  return (
    `invalid registry endpoint ${base.href}v1/: ${failure}. If this private registry supports only HTTP or HTTPS with an unknown CA certificate, add \`--insecure-registry ${base.host}\` to the daemon's arguments. ` +
    `In the case of HTTPS, if you have access to the registry's CA certificate, no need for the flag; place the CA certificate at /etc/docker/certs.d/${base.host}/ca.crt`
  )
}

/** What went wrong; any answer will do. */
async function ping(
  o: SearchContext,
  endpoint: V1Endpoint,
  signal: AbortSignal,
): Promise<string | undefined> {
  try {
    discard((await get(o, endpoint, 'v1/_ping', {}, signal)).body)
    return undefined
  } catch (error) {
    signal.throwIfAborted()
    return error instanceof Error ? error.message : String(error)
  }
}

async function ask(
  o: SearchContext,
  endpoint: V1Endpoint,
  { words, limit, auth, signal }: SearchOptions & { words: string },
): Promise<SearchResult[]> {
  const query = `q=${encodeURIComponent(words).replaceAll('%20', '+')}&n=${limit}`
  // Asks to be authenticated, in the v1 protocol.
  const headers = { 'x-docker-token': 'true', ...(await authorization(o, endpoint, auth, signal)) }
  const response = await get(o, endpoint, `v1/search?${query}`, headers, signal)
  if (response.status !== 200) {
    discard(response.body)
    throw system(`unexpected status code ${response.status}`)
  }
  return parseResults(await readBody(response, MAX_ANSWER))
}

/** The password as v1 takes it; an identity token only buys a token of the v2 kind. */
async function authorization(
  o: SearchContext,
  endpoint: V1Endpoint,
  auth: AuthConfig | undefined,
  signal: AbortSignal,
): Promise<Record<string, string>> {
  if (!auth?.username) return {}
  if (!auth.identitytoken) {
    const pair = `${auth.username}:${auth.password ?? ''}`
    return { authorization: `Basic ${Buffer.from(pair).toString('base64')}` }
  }
  const authorizer = o.authorizer(endpoint, endpoint.local, auth)
  const response = await get(o, endpoint, 'v2/', {}, signal)
  discard(response.body)
  if (response.status !== 401) return {}
  const url = new URL('v1/search', endpoint.base).href
  const asked = { scope: 'registry:catalog:search', sent: undefined, signal, method: 'GET', url }
  const header = await authorizer.challenged(response, asked)
  return header === undefined ? {} : { authorization: header }
}

function get(
  o: SearchContext,
  { base, insecure, local }: V1Endpoint,
  path: string,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<Response> {
  const url = new URL(path, base)
  return o.transport.send({ method: 'GET', url, headers, insecure, local, signal })
}

function parseResults(body: Buffer): SearchResult[] {
  let value: { results?: unknown } | null
  try {
    value = JSON.parse(body.toString()) as typeof value
  } catch (error) {
    const first = body.toString('utf8', 0, 64).trimStart().slice(0, 1)
    const why = first === '' ? 'EOF' : `invalid character '${first}' looking for beginning of value`
    throw system(`error decoding registry search results: ${why}`, error)
  }
  const results = value?.results
  return Array.isArray(results) ? results.map(resultOf) : []
}

function resultOf(value: unknown): SearchResult {
  const fields = (typeof value === 'object' && value !== null ? value : {}) as Record<
    string,
    unknown
  >
  const text = (field: unknown): string => (typeof field === 'string' ? field : '')
  return {
    star_count: typeof fields['star_count'] === 'number' ? fields['star_count'] : 0,
    is_official: fields['is_official'] === true,
    name: text(fields['name']),
    is_automated: false,
    description: text(fields['description']),
  }
}
