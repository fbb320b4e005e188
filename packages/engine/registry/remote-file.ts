/** A file that somebody names by its URL, for import (moby: daemon/builder/remotecontext/remote.go). */
import { isIP } from 'node:net'
import { lookup } from 'node:dns/promises'
import {
  type EngineError,
  forbidden,
  invalidParameter,
  notFound,
  system,
  unauthorized,
} from '../base/errors.ts'
import { readBody } from './read-body.ts'
import { NetworkError } from './registry-error.ts'
import { type Response, type Transport, isForbidden } from './transport.ts'

/** What is read of an answer that says no. */
const MAX_REASON = 64 * 1024

/** Without a scheme it is http. Throws invalidParameter for what is no URL. */
export function remoteUrl(source: string): URL {
  const text = source.includes('://') ? source : `http://${source}`
  const quoted = JSON.stringify(text)
  let url: URL
  try {
    url = new URL(text)
  } catch (error) {
    if (/^https?:\/\/(\/|$)/.test(text)) {
      throw system(`Get ${JSON.stringify(text.replace(/\/+$/, ''))}: http: no Host in request URL`)
    }
    throw invalidParameter(`parse ${quoted}: invalid URL`, error)
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw system(`Get ${quoted}: unsupported protocol scheme "${url.protocol.slice(0, -1)}"`)
  }
  return url
}

/**
 * The answer to a GET, after redirects. One who names this machine may; an address elsewhere does not
 * lead back to it. The caller reads or destroys the body.
 */
export async function openRemote(
  transport: Transport,
  url: URL,
  signal: AbortSignal,
  more: Readonly<Record<string, string>> = {},
): Promise<Response> {
  const headers = { ...more, ...credentialsOf(url) }
  try {
    const local = await isLocal(url)
    const bare = withoutCredentials(url)
    const response = await transport.send({
      method: 'GET',
      url: bare,
      headers,
      insecure: false,
      local,
      signal,
    })
    if (response.status < 400) return response
    throw await refusal(url, response)
  } catch (error) {
    if (!(error instanceof NetworkError)) throw error
    throw /no such host/.test(error.message)
      ? notFound(error.message, error)
      : system(error.message, error)
  }
}

function credentialsOf({ username, password }: URL): Record<string, string> {
  if (username === '' && password === '') return {}
  const text = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`
  return { authorization: `Basic ${Buffer.from(text).toString('base64')}` }
}

function withoutCredentials(url: URL): URL {
  const bare = new URL(url)
  bare.username = ''
  bare.password = ''
  return bare
}

/** Whether a host is this machine or on its links. */
export async function isLocal({ hostname }: URL): Promise<boolean> {
  const host = hostname.replace(/^\[|\]$/g, '')
  if (isIP(host)) return isForbidden(host)
  const found = await lookup(host, { all: true }).catch(() => [])
  return found.some(({ address }) => isForbidden(address))
}

async function refusal(url: URL, response: Response): Promise<EngineError> {
  const { status, statusText } = response
  const said = `failed to GET ${url.href} with status ${`${status} ${statusText}`.trim()}`
  let body: string
  try {
    body = (await readBody(response, MAX_REASON)).toString().trim()
  } catch (error) {
    return system(`${said}: error reading body`, error)
  }
  const message = `${said}: ${body}`
  switch (status) {
    case 400:
      return invalidParameter(message)
    case 401:
      return unauthorized(message)
    case 403:
      return forbidden(message)
    case 404:
      return notFound(message)
    default:
      return system(message)
  }
}
