/** Where an address of git leads, and what may be told there. */
import type { Duplex } from 'node:stream'
import { invalidParameter, prefixed, system } from '../../base/errors.ts'
import { headerSecret } from '../copy/http-secrets.ts'
import type { BuildSession } from '../session.ts'
import { isLocal } from '../../registry/remote-file.ts'
import { NetworkError } from '../../registry/registry-error.ts'
import { discard, type Transport } from '../../registry/transport.ts'
import type { GitRef } from './git-ref.ts'

export interface GitAddress {
  /** After redirects. */
  remote: string
  /** Names this machine or its links: what it refers to may do so as well. */
  local: boolean
  auth: { scope: string; header: string } | undefined
  /** Of the client, for ssh. */
  agent: (() => Duplex) | undefined
}

export interface AddressContext {
  transport: Transport
  session: Pick<BuildSession, 'secret' | 'hasAgent' | 'connectAgent'> | undefined
}

const SERVICE = '/info/refs?service=git-upload-pack'
/** Some servers answer others otherwise; the new protocol's answer does not name all references. */
const AS_GIT = { 'user-agent': 'git/2 (tdocker)', 'git-protocol': 'version=2' }

/**
 * Redirects are followed here and not by git: a public server leads nobody to this machine, https not
 * to http, and credentials go nowhere else. `mayBeLocal`: as of a repository's submodules, which come
 * from no user. Throws what a client is told.
 */
export async function resolveAddress(
  ctx: Pick<AddressContext, 'transport'>,
  ref: Pick<GitRef, 'scheme' | 'remote' | 'host' | 'shown'>,
  o: { mayBeLocal: boolean; signal: AbortSignal } & Credentials,
): Promise<GitAddress> {
  const local = await isLocal(hostOf(ref))
  if (local && !o.mayBeLocal)
    throw system(`failed to fetch remote ${ref.shown}: refusing to connect to ${ref.host}`)
  const { header, agent } = o
  if (ref.scheme === 'ssh') return { remote: ref.remote, local, auth: undefined, agent }
  if (ref.scheme === 'git') return { remote: ref.remote, local, auth: undefined, agent: undefined }
  const asked = new URL(`${ref.remote}${SERVICE}`)
  try {
    const { body, url } = await ctx.transport.send({
      method: 'GET',
      url: asked,
      headers: { ...AS_GIT, ...(header !== undefined && { authorization: header }) },
      insecure: false,
      local,
      signal: o.signal,
    })
    discard(body)
    const led = url.href !== asked.href && url.href.endsWith(SERVICE)
    const remote = led ? url.href.slice(0, -SERVICE.length) : ref.remote
    const keeps = header !== undefined && url.origin === asked.origin
    const auth = keeps ? { scope: scopeOf(remote), header } : undefined
    return { remote, local, auth, agent: undefined }
  } catch (error) {
    if (error instanceof NetworkError)
      throw system(`failed to fetch remote ${ref.shown}: ${error.message}`, error)
    throw prefixed(`failed to fetch remote ${ref.shown}`, error)
  }
}

function hostOf({ host, shown }: Pick<GitRef, 'host' | 'shown'>): URL {
  try {
    return new URL(`http://${host}/`)
  } catch (error) {
    throw invalidParameter(`invalid git address ${JSON.stringify(shown)}`, error)
  }
}

export interface Credentials {
  /** Value of `Authorization`. */
  header: string | undefined
  agent: (() => Duplex) | undefined
}

/** For a repository that the user named; nothing that a repository names gets them by itself. */
export async function credentialsFor(
  { session }: AddressContext,
  ref: Pick<GitRef, 'scheme' | 'credentials' | 'host'>,
  signal: AbortSignal,
): Promise<Credentials> {
  const id = 'default'
  if (ref.scheme === 'ssh' && session?.hasAgent(id))
    return { header: undefined, agent: () => session.connectAgent(id) }
  const isHttp = ref.scheme === 'http' || ref.scheme === 'https'
  return { header: isHttp ? await headerOf(session, ref, signal) : undefined, agent: undefined }
}

/** The address' own, else a secret of the client's (BuildKit: source/git authSecretNames). */
async function headerOf(
  session: AddressContext['session'],
  { credentials, host }: Pick<GitRef, 'credentials' | 'host'>,
  signal: AbortSignal,
): Promise<string | undefined> {
  if (credentials !== '') return `Basic ${Buffer.from(credentials).toString('base64')}`
  for (const id of [
    `GIT_AUTH_HEADER.${host}`,
    `GIT_AUTH_TOKEN.${host}`,
    'GIT_AUTH_HEADER',
    'GIT_AUTH_TOKEN',
  ]) {
    const text = session && (await headerSecret(session, id, signal))
    if (text === undefined) continue
    if (id.startsWith('GIT_AUTH_HEADER')) return text
    return `basic ${Buffer.from(`x-access-token:${text}`).toString('base64')}`
  }
  return undefined
}

/** GitHub's submodules are of the same token, as its own checkout action has it. */
function scopeOf(remote: string): string {
  const github = ['https://github.com/', 'https://www.github.com/']
  return github.find((prefix) => remote.startsWith(prefix)) ?? remote
}
