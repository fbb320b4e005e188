/** The way to registries: endpoints in order, fallback between them, and login. */
import type { AuthConfig, AuthResponse, SearchResult } from '@tdocker/api'
import { type Reference, familiarName, familiarString } from '@tdocker/oci'
import { STATUS_CODES } from 'node:http'
import { EngineError, forbidden, invalidParameter, isKind, system } from '../base/errors.ts'
import { Authorizer, TokenCache } from './authorizer.ts'
import {
  AuthorizationError,
  NetworkError,
  NoCredentials,
  RegistryError,
  UnexpectedResponse,
  plainError,
  pullError,
  pushError,
} from './registry-error.ts'
import { type Endpoint, RegistryConfig, type RegistryOptions } from './registry-config.ts'
import type { SearchOptions } from './registry-backend.ts'
import { Repository } from './repository.ts'
import { searchImages } from './search.ts'
import { type Response, Transport, type TransportOptions, discard } from './transport.ts'

export interface RegistryClientOptions extends RegistryOptions, TransportOptions {
  /** First wait between attempts; doubles. */
  backoffMs?: number
}

export class RegistryClient {
  config: RegistryConfig
  readonly #transport: Transport
  readonly #tokens = new TokenCache()
  readonly #backoffMs: number

  /** Throws invalidParameter when mirrors or insecure registries do not parse. */
  constructor(options: RegistryClientOptions) {
    this.config = new RegistryConfig(options)
    this.#transport = new Transport(options)
    this.#backoffMs = options.backoffMs ?? 250
  }

  /**
   * Runs `visit` with the repository on the first endpoint that serves it: mirrors, https, then http
   * for insecure hosts, which is not tried once https answered. Errors are moby's sentences.
   */
  async withRepository<T>(
    reference: Reference,
    o: { auth: AuthConfig | undefined; signal: AbortSignal },
    visit: (repository: Repository) => Promise<T>,
  ): Promise<T> {
    if (familiarName(reference) === 'scratch') throw forbidden("'scratch' is a reserved name")
    try {
      return await this.visit(reference, o, visit)
    } catch (error) {
      throw pullError(error, reference)
    }
  }

  /** As `withRepository`, with the errors as they come. */
  async visit<T>(
    reference: Reference,
    o: { auth: AuthConfig | undefined; signal: AbortSignal },
    visit: (repository: Repository) => Promise<T>,
  ): Promise<T> {
    const endpoints = await this.config.endpoints(reference.domain, { mirrors: true })
    return this.#visitFirst(reference, endpoints, { ...o, actions: 'pull' }, visit)
  }

  /** As `withRepository` to write to: mirrors are left out, and who answers is found by a ping. */
  async withPushRepository<T>(
    reference: Reference,
    o: { auth: AuthConfig | undefined; signal: AbortSignal },
    visit: (repository: Repository) => Promise<T>,
  ): Promise<T> {
    const endpoints = await this.config.endpoints(reference.domain, { mirrors: false })
    try {
      return await this.#visitFirst(
        reference,
        endpoints,
        { ...o, actions: 'pull,push' },
        async (repository) => {
          await repository.ping(o.signal)
          return visit(repository)
        },
      )
    } catch (error) {
      throw pushError(error)
    }
  }

  async #visitFirst<T>(
    reference: Reference,
    endpoints: readonly Endpoint[],
    o: { auth: AuthConfig | undefined; signal: AbortSignal; actions: 'pull' | 'pull,push' },
    visit: (repository: Repository) => Promise<T>,
  ): Promise<T> {
    const tlsHosts = new Set<string>()
    let last: unknown = system(`no endpoints found for ${familiarString(reference)}`)
    for (const endpoint of endpoints) {
      if (endpoint.base.protocol === 'http:' && tlsHosts.has(endpoint.base.host)) continue
      const repository = await this.#repository(endpoint, reference, o)
      try {
        return await visit(repository)
      } catch (error) {
        if (o.signal.aborted || !mayFallBack(error, endpoint, repository)) throw error
        if (repository.answered && endpoint.base.protocol === 'https:') {
          tlsHosts.add(endpoint.base.host)
        }
        last = error
      }
    }
    throw last
  }

  async #repository(
    endpoint: Endpoint,
    reference: Reference,
    o: { auth: AuthConfig | undefined; actions: 'pull' | 'pull,push' },
  ): Promise<Repository> {
    const local = await this.#isLocal(endpoint)
    return new Repository({
      endpoint,
      path: reference.path,
      transport: this.#transport,
      // A mirror is another host: the credentials of what it mirrors are not for it.
      authorizer: this.#authorizer(endpoint, local, endpoint.mirror ? {} : (o.auth ?? {})),
      local,
      backoffMs: this.#backoffMs,
      actions: o.actions,
    })
  }

  #authorizer(endpoint: Endpoint, local: boolean, credentials: AuthConfig): Authorizer {
    const { base, insecure } = endpoint
    return new Authorizer({
      transport: this.#transport,
      cache: this.#tokens,
      base,
      insecure,
      local,
      credentials: decodeAuth(credentials),
    })
  }

  /** Loopback is always among the insecure networks, so this covers registries on this machine. */
  async #isLocal(endpoint: Endpoint): Promise<boolean> {
    return (
      endpoint.insecure || endpoint.mirror || (await this.config.isInsecure(endpoint.base.host))
    )
  }

  /** `POST /auth`: checks credentials against the registry they are for. */
  async login(config: AuthConfig, signal: AbortSignal): Promise<AuthResponse> {
    const host = serverHost(config.serveraddress)
    const endpoints = await this.config.endpoints(host, { mirrors: false })
    let last: unknown = system(`no endpoints found for ${host}`)
    for (const endpoint of endpoints) {
      try {
        return await this.#loginTo(endpoint, config, signal)
      } catch (error) {
        // Another endpoint would refuse the same credentials, and without TLS.
        const told = plainError(error)
        if (signal.aborted || isKind(told, 'unauthorized')) throw told
        last = told
      }
    }
    throw last
  }

  async #loginTo(
    endpoint: Endpoint,
    config: AuthConfig,
    signal: AbortSignal,
  ): Promise<AuthResponse> {
    const url = new URL('v2/', endpoint.base)
    const local = await this.#isLocal(endpoint)
    const authorizer = this.#authorizer(endpoint, local, config)
    const send = (headers: Readonly<Record<string, string>>): Promise<Response> =>
      this.#transport.send({ method: 'GET', url, headers, ...endpoint, local, signal })
    let response = await send({})
    if (response.status === 401) {
      discard(response.body)
      const asked = { scope: '', sent: undefined, signal, method: 'GET', url: url.href }
      const authorization = await authorizer.challenged(response, asked)
      if (authorization !== undefined) response = await send({ authorization })
    }
    discard(response.body)
    if (response.status === 200) {
      const { identityToken } = authorizer
      return { Status: 'Login Succeeded', ...(identityToken && { IdentityToken: identityToken }) }
    }
    const status = `${response.status} ${STATUS_CODES[response.status] ?? ''}`.trim()
    throw new UnexpectedResponse(`login attempt to ${url.href} failed with status: ${status}`, 0)
  }

  /** `GET /images/search`: throws invalidParameter for what cannot be searched, system for answers that are none. */
  search(options: SearchOptions): Promise<SearchResult[]> {
    return searchImages(
      {
        config: this.config,
        transport: this.#transport,
        authorizer: (endpoint, local, auth) => this.#authorizer(endpoint, local, auth),
      },
      options,
    )
  }

  close(): Promise<void> {
    return this.#transport.close()
  }
}

/** moby's continueOnError: what another endpoint might do better. */
function mayFallBack(error: unknown, endpoint: Endpoint, repository: Repository): boolean {
  if (error instanceof EngineError) return endpoint.mirror && error.kind !== 'cancelled'
  const refused = [RegistryError, NoCredentials, AuthorizationError]
  if (refused.some((refusal) => error instanceof refusal)) return endpoint.mirror
  if (error instanceof NetworkError) return endpoint.mirror || !repository.answered
  return error instanceof UnexpectedResponse
}

/** The old form carries `auth`, base64 of `user:password`, instead of the two. */
function decodeAuth(config: AuthConfig): AuthConfig {
  if (!config.auth || config.username) return config
  const [username = '', ...password] = Buffer.from(config.auth, 'base64').toString().split(':')
  return { ...config, username, password: password.join(':') }
}

/** `https://index.docker.io/v1/` and `registry:5000` → host and port. */
function serverHost(address: string | undefined): string {
  if (!address) return 'index.docker.io'
  const text = /^https?:\/\//.test(address) ? address : `https://${address}`
  try {
    return new URL(text).host
  } catch (error) {
    const why = `parse ${JSON.stringify(text)}: ${goHostProblem(text)}`
    throw invalidParameter(`unable to parse server address: ${why}`, error)
  }
}

/** What Go's url.Parse says of a host that is none. */
function goHostProblem(url: string): string {
  const host = url.replace(/^https?:\/\//, '').split(/[/?#]/, 1)[0] ?? ''
  const bad = /[\s"<>\\^`{|}]/.exec(host)?.[0]
  if (host.startsWith('[') && !host.includes(']')) return "missing ']' in host"
  if (bad !== undefined) return `invalid character ${JSON.stringify(bad)} in host name`
  return `invalid port ${JSON.stringify(/:[^:]*$/.exec(host)?.[0] ?? '')} after host`
}
