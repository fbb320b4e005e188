/**
 * A token server by the distribution spec ("Token Authentication Specification", "… OAuth2"): signed JWTs
 * with the scopes that the user may have, expiry, refresh tokens, one service.
 */
import { X509Certificate, createPrivateKey, randomUUID, sign, verify } from 'node:crypto'
import { once } from 'node:events'
import { type IncomingMessage, type Server, type ServerResponse, createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { type Certificate, makeCertificate } from './certificate.ts'
import type { Fault } from './own-registry.ts'
import { CREDENTIALS, refuse } from './wire.ts'

export interface Access {
  repository: string
  actions: readonly string[]
}

export interface TokenUser {
  password: string
  /** Actions on a repository; default all. */
  may?: (repository: string) => readonly string[]
}

export interface SeenTokenRequest {
  method: string
  authorization: string | undefined
  /** Query of a GET, form of a POST. */
  parameters: Record<string, string>
}

interface Claims {
  iss: string
  sub: string
  aud: string
  exp: number
  access: Array<{ type: string; name: string; actions: string[] }>
}

export class TokenServer implements AsyncDisposable {
  readonly issuer = 'tokens.test'
  readonly service = 'registry.test'
  readonly users: Map<string, TokenUser> = new Map([
    [CREDENTIALS.username, { password: CREDENTIALS.password }],
  ])
  /** What anybody may do; default nothing. */
  anonymous: (repository: string) => readonly string[] = () => []
  /** Of tokens issued from now on, in seconds. */
  lifetime = 300
  /** Added to the clock: what was issued grows old by it. */
  skewSeconds = 0
  readonly seen: SeenTokenRequest[] = []
  readonly refreshTokens: Map<string, string> = new Map()
  readonly #server: Server
  readonly #certificate: Certificate

  private constructor(certificate: Certificate) {
    this.#certificate = certificate
    this.#server = createServer((request, response) => void this.#serve(request, response))
  }

  static async start(): Promise<TokenServer> {
    const tokens = new TokenServer(await makeCertificate({ name: 'tokens.test' }))
    tokens.#server.listen(0, '127.0.0.1')
    await once(tokens.#server, 'listening')
    return tokens
  }

  get realm(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/token`
  }

  /** PEM, for a registry's `rootcertbundle`. */
  get certificate(): string {
    return this.#certificate.cert
  }

  get now(): number {
    return Math.floor(Date.now() / 1000) + this.skewSeconds
  }

  issue(user: string, access: readonly Access[]): string {
    const chain = new X509Certificate(this.#certificate.cert).raw.toString('base64')
    const { now, issuer: iss, service: aud } = this
    const head = { typ: 'JWT', alg: 'ES256', x5c: [chain] }
    const body = {
      ...{ iss, sub: user, aud, jti: randomUUID() },
      ...{ iat: now, nbf: now - 10, exp: now + this.lifetime },
      access: access.map(({ repository: name, actions }) => ({
        type: 'repository',
        name,
        actions,
      })),
    }
    const signed = [head, body].map((part) => base64url(JSON.stringify(part))).join('.')
    const key = createPrivateKey(this.#certificate.key)
    const signature = sign('sha256', Buffer.from(signed), { key, dsaEncoding: 'ieee-p1363' })
    return `${signed}.${signature.toString('base64url')}`
  }

  /** The claims of a token that is ours and has not expired. */
  claims(token: string): Claims | undefined {
    const [head = '', body = '', signature = ''] = token.split('.')
    const { publicKey: key } = new X509Certificate(this.#certificate.cert)
    const sealed = Buffer.from(`${head}.${body}`)
    const given = Buffer.from(signature, 'base64url')
    if (!verify('sha256', sealed, { key, dsaEncoding: 'ieee-p1363' }, given)) return undefined
    const claims = JSON.parse(Buffer.from(body, 'base64url').toString()) as Claims
    return claims.exp > this.now && claims.aud === this.service ? claims : undefined
  }

  /** Stands before a registry of our own: nothing passes without a token of this server for it. */
  guard(): Fault {
    return (request, response, url) => {
      const { repository, action } = wanted(request, url)
      const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1]
      const claims = token === undefined ? undefined : this.claims(token)
      const granted = claims?.access.some(
        ({ name, actions }) => name === repository && actions.includes(action),
      )
      if (claims && (repository === undefined || granted)) return false
      const error = claims ? 'insufficient_scope' : token === undefined ? '' : 'invalid_token'
      const actions = action === 'pull' ? 'pull' : `pull,${action}`
      const challenge = [
        `Bearer realm="${this.realm}",service="${this.service}"`,
        ...(repository === undefined ? [] : [`scope="repository:${repository}:${actions}"`]),
        ...(error === '' ? [] : [`error="${error}"`]),
      ].join(',')
      const headers = { 'www-authenticate': challenge }
      refuse(response, 401, 'UNAUTHORIZED', { message: 'authentication required', headers })
      return true
    }
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', this.realm)
    const isPost = request.method === 'POST'
    const parameters = isPost ? new URLSearchParams(await text(request)) : url.searchParams
    const { method = '', headers } = request
    const { authorization } = headers
    this.seen.push({ method, authorization, parameters: Object.fromEntries(parameters) })
    if (url.pathname !== '/token') return void response.writeHead(404).end()
    if (parameters.get('service') !== this.service) {
      return refuse(response, 400, 'UNSUPPORTED', { message: 'unknown service' })
    }
    const user = isPost ? this.#granted(parameters) : this.#basic(authorization)
    if (user === undefined) {
      const message = 'incorrect username or password'
      return refuse(response, 401, 'UNAUTHORIZED', { message })
    }
    const access = this.#access(user, parameters.getAll('scope'))
    const token = this.issue(user, access)
    const offline =
      parameters.get('offline_token') === 'true' || parameters.get('access_type') === 'offline'
    response.setHeader('content-type', 'application/json')
    response.end(
      JSON.stringify({
        ...(isPost ? {} : { token }),
        access_token: token,
        expires_in: this.lifetime,
        issued_at: new Date().toISOString(),
        ...(offline && user !== '' && { refresh_token: this.#refreshToken(user) }),
        ...(isPost && { scope: access.map(scopeText).join(' ') }),
      }),
    )
  }

  /** Empty for nobody in particular. */
  #basic(authorization: string | undefined): string | undefined {
    if (authorization === undefined) return ''
    const pair = Buffer.from(authorization.replace(/^Basic /, ''), 'base64').toString()
    const [name = '', ...password] = pair.split(':')
    return this.users.get(name)?.password === password.join(':') ? name : undefined
  }

  #granted(form: URLSearchParams): string | undefined {
    if (!form.get('client_id')) return undefined
    if (form.get('grant_type') === 'refresh_token') {
      return this.refreshTokens.get(form.get('refresh_token') ?? '')
    }
    const name = form.get('username') ?? ''
    const known = form.get('grant_type') === 'password' && this.users.get(name)
    return known && known.password === form.get('password') ? name : undefined
  }

  #refreshToken(user: string): string {
    const token = `refresh-${randomUUID()}`
    this.refreshTokens.set(token, user)
    return token
  }

  /** What was asked for, as far as the user may have it. */
  #access(user: string, scopes: readonly string[]): Access[] {
    const may = user === '' ? this.anonymous : (this.users.get(user)?.may ?? everything)
    return scopes
      .flatMap((scope) => scope.split(' '))
      .flatMap((scope) => {
        const match = /^repository:(.+):([a-z,*]+)$/.exec(scope)
        if (!match) return []
        const [, repository = '', actions = ''] = match
        const granted = actions.split(',').filter((action) => may(repository).includes(action))
        return [{ repository, actions: granted }]
      })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    this.#server.close()
    await once(this.#server, 'close')
  }
}

const everything = (): readonly string[] => ['pull', 'push', 'delete']

function wanted(
  request: IncomingMessage,
  url: URL,
): { repository: string | undefined; action: string } {
  const repository = /^\/v2\/(.+)\/(?:manifests|blobs|tags|referrers)\//.exec(url.pathname)?.[1]
  const method = request.method ?? ''
  const action = ['GET', 'HEAD'].includes(method)
    ? 'pull'
    : method === 'DELETE' && !url.pathname.includes('/uploads/')
      ? 'delete'
      : 'push'
  return { repository, action }
}

function scopeText({ repository, actions }: Access): string {
  return `repository:${repository}:${actions.join(',')}`
}

function base64url(value: string): string {
  return Buffer.from(value).toString('base64url')
}
