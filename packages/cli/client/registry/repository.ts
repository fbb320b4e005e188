/** One repository of a registry, for the commands that ask registries without the daemon. */
import { createHash } from 'node:crypto'
import type { Reference } from '../../format/reference.ts'
import type { Auth } from '../credentials.ts'
import { authorize } from './authorize.ts'
import { RegistryError, registryError } from './error.ts'
import { noTls, send } from './http.ts'
import type { RegistryResponse } from './http.ts'

export const manifestTypes = {
  dockerManifest: 'application/vnd.docker.distribution.manifest.v2+json',
  dockerList: 'application/vnd.docker.distribution.manifest.list.v2+json',
  ociManifest: 'application/vnd.oci.image.manifest.v1+json',
  ociIndex: 'application/vnd.oci.image.index.v1+json',
} as const

export interface RemoteManifest {
  /** Exactly as received. */
  readonly bytes: Buffer
  readonly digest: string
  readonly mediaType: string
}

export interface RepositoryOptions {
  readonly reference: Pick<Reference, 'domain' | 'path'>
  readonly auth: Auth
  /** Certificates are not checked, and plain HTTP will do. */
  readonly insecure: boolean
  readonly write?: boolean
}

export class Repository {
  private readonly options: RepositoryOptions
  private base: Promise<URL> | undefined
  private challenge: RegistryResponse | undefined
  private readonly headers = new Map<string, string>()

  constructor(options: RepositoryOptions) {
    this.options = options
  }

  /** Throws RegistryError; verified against a digest. */
  async manifest(target: string): Promise<RemoteManifest> {
    const accept = Object.values(manifestTypes).join(', ')
    const response = await this.ask('GET', `manifests/${target}`, { headers: { accept } })
    if (response.status !== 200) throw registryError(response)
    const digest = digestOf(response.body)
    if (target.includes(':') && target !== digest) {
      throw new Error(`manifest verification failed for digest ${target}`)
    }
    const type = (response.headers['content-type'] ?? '').split(';', 1)[0] as string
    return { bytes: response.body, digest, mediaType: type }
  }

  async blob(digest: string): Promise<Buffer> {
    const response = await this.ask('GET', `blobs/${digest}`)
    if (response.status !== 200) throw registryError(response)
    if (digestOf(response.body) !== digest) {
      throw new Error(`image config verification failed for digest ${digest}`)
    }
    return response.body
  }

  /** Answers the digest that the registry gives it. */
  async putManifest(target: string, mediaType: string, body: Buffer): Promise<string> {
    const headers = { 'content-type': mediaType }
    const response = await this.ask('PUT', `manifests/${target}`, { headers, body })
    if (response.status < 200 || response.status > 299) throw registryError(response)
    return String(response.headers['docker-content-digest'] ?? digestOf(body))
  }

  /** Takes a blob over from another repository of the registry; false when it has no such blob there. */
  async mount(digest: string, from: string): Promise<boolean> {
    const query = new URLSearchParams({ from, mount: digest })
    const response = await this.ask('POST', `blobs/uploads/?${query}`, { from })
    if (response.status === 201) return true
    if (response.status !== 202) throw registryError(response)
    const { location } = response.headers
    if (location) await this.ask('DELETE', new URL(location, response.url)).catch(() => {})
    return false
  }

  private async ask(
    method: string,
    path: string | URL,
    o: { headers?: Record<string, string>; body?: Buffer; from?: string } = {},
  ): Promise<RegistryResponse> {
    const base = await (this.base ??= this.findBase())
    const { insecure, reference } = this.options
    const url = path instanceof URL ? path : new URL(`v2/${reference.path}/${path}`, base)
    const authorization = url.origin === base.origin ? await this.authorization(o.from) : undefined
    const headers = { ...o.headers, ...(authorization ? { authorization } : {}) }
    return send({ method, url, headers, insecure, ...(o.body ? { body: o.body } : {}) })
  }

  private async authorization(from: string | undefined): Promise<string | undefined> {
    if (!this.challenge) return undefined
    const key = from ?? ''
    const known = this.headers.get(key)
    if (known !== undefined) return known
    const { auth, insecure, reference, write } = this.options
    const scopes = [
      `repository:${reference.path}:${write ? 'pull,push' : 'pull'}`,
      ...(from === undefined ? [] : [`repository:${from}:pull`]),
    ]
    const header = await authorize(this.challenge, { auth, scopes, insecure })
    if (header !== undefined) this.headers.set(key, header)
    return header
  }

  /** By a ping: TLS, and plain HTTP only where the user said so. */
  private async findBase(): Promise<URL> {
    const { domain } = this.options.reference
    const { insecure } = this.options
    const host = domain === 'docker.io' ? 'registry-1.docker.io' : domain
    const https = new URL(`https://${host}/`)
    try {
      return await this.ping(https)
    } catch (error) {
      if (!insecure || !(error as Error).message.endsWith(noTls)) throw error
    }
    return this.ping(new URL(`http://${host}/`))
  }

  private async ping(base: URL): Promise<URL> {
    const { insecure } = this.options
    try {
      const response = await send({ method: 'GET', url: new URL('v2/', base), insecure })
      if (response.status === 401) this.challenge = response
      return base
    } catch (error) {
      const { message } = error as Error
      throw new Error(`failed to configure transport: error pinging v2 registry: ${message}`)
    }
  }
}

/** Whether the registry has no such thing, or not for this user. */
export function isUnknown(error: unknown): boolean {
  const codes = ['UNAUTHORIZED', 'MANIFEST_UNKNOWN', 'NAME_UNKNOWN']
  return error instanceof RegistryError && codes.includes(error.code)
}

export function digestOf(bytes: Buffer): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`
}
