/**
 * Answers a registry's challenges: bearer tokens (distribution "Token Authentication", with OAuth2 for
 * identity tokens) and basic. One authorizer speaks for one endpoint; tokens are shared by a cache.
 */
import { createHash } from 'node:crypto'
import type { AuthConfig } from '@tdocker/api'
import type { Challenge } from './challenge.ts'
import { parseChallenges } from './challenge.ts'
import { errorOfResponse } from './error-response.ts'
import {
  AuthorizationError,
  NetworkError,
  NoCredentials,
  UnexpectedResponse,
  parseRetryAfter,
} from './registry-error.ts'
import { readBody } from './read-body.ts'
import type { Response, Transport } from './transport.ts'

export type Credentials = Pick<
  AuthConfig,
  'username' | 'password' | 'identitytoken' | 'registrytoken'
>

/** Docker's client id in token requests. */
const CLIENT_ID = 'docker'
/** Token servers that name no lifetime, or a shorter one, mean this. */
const MIN_LIFETIME_S = 60
/** A token this near its end is not used any more. */
const MARGIN_MS = 5_000
const MAX_TOKEN_ANSWER = 1024 * 1024

interface CachedToken {
  token: string
  expiresAt: number
}

/** Bearer tokens by endpoint, realm, service, scope and who asks. */
export class TokenCache {
  readonly #tokens = new Map<string, CachedToken>()
  readonly #now: () => number

  constructor(now: () => number = Date.now) {
    this.#now = now
  }

  get(key: string): string | undefined {
    const found = this.#tokens.get(key)
    if (found && found.expiresAt - MARGIN_MS > this.#now()) return found.token
    this.#tokens.delete(key)
    return undefined
  }

  set(key: string, token: string, lifetimeSeconds: number): void {
    if (this.#tokens.size >= 1000) this.#tokens.clear()
    const seconds = Math.max(MIN_LIFETIME_S, lifetimeSeconds)
    this.#tokens.set(key, { token, expiresAt: this.#now() + seconds * 1000 })
  }

  delete(key: string): void {
    this.#tokens.delete(key)
  }
}

export class Authorizer {
  readonly #o: {
    transport: Transport
    cache: TokenCache
    /** The endpoint whose challenges are answered. */
    base: URL
    insecure: boolean
    local: boolean
    credentials: Credentials
  }
  /** The last challenge of the endpoint, which further requests answer in advance. */
  #challenge: Challenge | undefined
  /** One request for a token at a time, however many layers wait for it. */
  readonly #pending = new Map<string, Promise<string>>()
  /** Set when a login got a token to be kept instead of the password. */
  identityToken = ''

  constructor(o: {
    transport: Transport
    cache: TokenCache
    base: URL
    insecure: boolean
    local: boolean
    credentials: Credentials
  }) {
    this.#o = o
  }

  /** The header to send at first; undefined before the first challenge. Throws as `challenged`. */
  async header(
    scope: string,
    o: { signal: AbortSignal; method: string; url: string },
  ): Promise<string | undefined> {
    const { registrytoken } = this.#o.credentials
    if (registrytoken) return `Bearer ${registrytoken}`
    if (!this.#challenge) return undefined
    return this.#answer(this.#challenge, scope, o)
  }

  /**
   * The header that answers a 401, or undefined when it was answered already and refused.
   * Throws AuthorizationError when the token server refuses, NoCredentials when basic ones are missing.
   */
  async challenged(
    response: Response,
    o: {
      scope: string
      sent: string | undefined
      signal: AbortSignal
      method: string
      url: string
    },
  ): Promise<string | undefined> {
    const challenge = this.learn(response)
    if (!challenge || this.#o.credentials.registrytoken) return undefined
    if (challenge.scheme === 'bearer' && o.sent !== undefined) {
      this.#o.cache.delete(this.#key(challenge, o.scope))
    }
    const header = await this.#answer(challenge, o.scope, o)
    return header === o.sent ? undefined : header
  }

  /** Takes a 401's challenge for the requests to come. */
  learn(response: Response): Challenge | undefined {
    if (!response.sameOrigin) return undefined
    const challenges = parseChallenges(response.headers['www-authenticate'])
    const challenge =
      challenges.find((c) => c.scheme === 'bearer') ?? challenges.find((c) => c.scheme === 'basic')
    if (challenge && !this.#o.credentials.registrytoken) this.#challenge = challenge
    return challenge
  }

  async #answer(
    challenge: Challenge,
    scope: string,
    o: { signal: AbortSignal; method: string; url: string },
  ): Promise<string> {
    if (challenge.scheme === 'basic') {
      const basic = this.#basic()
      if (basic === undefined) throw new NoCredentials(o.method, o.url)
      return basic
    }
    const key = this.#key(challenge, scope)
    const cached = this.#o.cache.get(key)
    if (cached !== undefined) return `Bearer ${cached}`
    const pending = this.#pending.get(key) ?? this.#fetchToken(challenge, scope, key, o.signal)
    this.#pending.set(key, pending)
    try {
      return `Bearer ${await pending}`
    } catch (error) {
      throw ofRequest(error, o)
    } finally {
      this.#pending.delete(key)
    }
  }

  #basic(): string | undefined {
    const { username, password } = this.#o.credentials
    if (!username || !password) return undefined
    return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`
  }

  #key(challenge: Challenge, scope: string): string {
    const { username, password, identitytoken } = this.#o.credentials
    const who = createHash('sha256')
      .update(JSON.stringify([username, password, identitytoken]))
      .digest('hex')
    const { parameters } = challenge
    return [
      this.#o.base.origin,
      parameters.get('realm'),
      parameters.get('service'),
      scope,
      who,
    ].join(' ')
  }

  async #fetchToken(
    challenge: Challenge,
    scope: string,
    key: string,
    signal: AbortSignal,
  ): Promise<string> {
    const realm = this.#realm(challenge)
    const service = challenge.parameters.get('service') ?? ''
    const { identitytoken } = this.#o.credentials
    const response = identitytoken
      ? await this.#postToken(realm, { service, scope, identitytoken, signal })
      : await this.#getToken(realm, { service, scope, signal })
    const answer = await readToken(response)
    if (answer.refreshToken) this.identityToken = answer.refreshToken
    this.#o.cache.set(key, answer.token, answer.lifetimeSeconds)
    return answer.token
  }

  /**
   * The realm comes from the server. It may name another host (Hub's does), but not turn https into
   * http, and the transport keeps a public registry from naming an address inside.
   */
  #realm(challenge: Challenge): URL {
    const text = challenge.parameters.get('realm')
    if (text === undefined) {
      throw new UnexpectedResponse('no realm specified for token auth challenge', 401)
    }
    let realm: URL
    try {
      realm = new URL(text)
    } catch {
      throw new UnexpectedResponse(`invalid token auth challenge realm: ${text}`, 401)
    }
    const downgrade = realm.protocol === 'http:' && this.#o.base.protocol === 'https:'
    if ((realm.protocol !== 'https:' && realm.protocol !== 'http:') || downgrade) {
      throw new UnexpectedResponse(`refusing token auth challenge realm: ${text}`, 401)
    }
    realm.username = ''
    realm.password = ''
    return realm
  }

  #getToken(
    realm: URL,
    o: { service: string; scope: string; signal: AbortSignal },
  ): Promise<Response> {
    const url = new URL(realm)
    const basic = this.#basic()
    if (o.service) url.searchParams.append('service', o.service)
    // Several scopes are several parameters here, one with spaces in a form (RFC 6749 section 3.3).
    for (const scope of o.scope.split(' ').filter(Boolean)) url.searchParams.append('scope', scope)
    if (!o.scope) {
      // A login, which has no scope, may trade the password for a token to keep.
      url.searchParams.append('offline_token', 'true')
      url.searchParams.append('client_id', CLIENT_ID)
    }
    if (basic) url.searchParams.append('account', this.#o.credentials.username ?? '')
    // In Go's order: errors show the address.
    url.searchParams.sort()
    return this.#o.transport.send({
      method: 'GET',
      url,
      headers: basic === undefined ? {} : { authorization: basic },
      insecure: this.#o.insecure,
      local: this.#o.local,
      signal: o.signal,
    })
  }

  #postToken(
    realm: URL,
    o: { service: string; scope: string; identitytoken: string; signal: AbortSignal },
  ): Promise<Response> {
    const form = new URLSearchParams({
      grant_type: 'refresh_token',
      refresh_token: o.identitytoken,
      client_id: CLIENT_ID,
      service: o.service,
      scope: o.scope,
    })
    return this.#o.transport.send({
      method: 'POST',
      url: realm,
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: form.toString(),
      insecure: this.#o.insecure,
      local: this.#o.local,
      signal: o.signal,
    })
  }
}

/** Docker tells what went wrong with the token of the request that needed it. */
function ofRequest(error: unknown, o: { method: string; url: string }): unknown {
  if (!(error instanceof Error) || error.name === 'AbortError') return error
  const told = new AuthorizationError(o.method, o.url, error)
  if (!(error instanceof NetworkError)) return told
  return new NetworkError(told.message, { permanent: error.permanent, cause: error })
}

async function readToken(
  response: Response,
): Promise<{ token: string; refreshToken: string; lifetimeSeconds: number }> {
  const body = await readBody(response, MAX_TOKEN_ANSWER)
  if (response.status < 200 || response.status >= 400) throw responseError(response, body)
  const answer = parseObject(body)
  const token = textOf(answer['access_token']) || textOf(answer['token'])
  if (token === '') {
    throw new UnexpectedResponse(
      'authorization server did not include a token in the response',
      401,
    )
  }
  const lifetime = answer['expires_in']
  return {
    token,
    refreshToken: textOf(answer['refresh_token']),
    lifetimeSeconds: typeof lifetime === 'number' ? lifetime : 0,
  }
}

function parseObject(body: Buffer): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(body.toString())
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>
  } catch {
    // Told below.
  }
  throw new UnexpectedResponse('unable to decode token response', 401)
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

/** The error of a response whose body was read. */
export function responseError(response: Response, body: Buffer): Error {
  const header = (name: string): string => {
    const value = response.headers[name]
    return typeof value === 'string' ? value : ''
  }
  const error = errorOfResponse({
    status: response.status,
    statusText: response.statusText,
    contentType: header('content-type'),
    body: body.toString(),
    challenges: parseChallenges(response.headers['www-authenticate']),
  })
  error.retryAfterMs = parseRetryAfter(header('retry-after'))
  return error
}
