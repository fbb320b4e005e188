/**
 * Calls of the legacy plugin protocol: POST /VolumeDriver.Create with JSON, by HTTP/1.1 over a UNIX
 * socket or TCP (docs.docker.com/engine/extend/plugin_api).
 */
import { readFileSync } from 'node:fs'
import { type IncomingMessage, request as httpRequest, type RequestOptions } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { setTimeout as delay } from 'node:timers/promises'
import { system } from '../../base/errors.ts'

const MIME = 'application/vnd.docker.plugins.v1.2+json'
/** Given up when the next pause would end after so long, as in moby: the fifth try is the last. */
const PATIENCE_MS = 30_000
/** Of a plugin's answer. */
const MAX_ANSWER = 16 << 20

/** Where a plugin listens. */
export interface PluginAddress {
  /** `unix:///run/docker/plugins/x.sock`, `tcp://host:port`, `https://host:port`. */
  url: string
  tls?: { ca?: string; cert?: string; key?: string; insecure: boolean }
}

export class PluginClient {
  readonly #address: PluginAddress
  readonly #log: (what: string) => void

  constructor(address: PluginAddress, log: (what: string) => void) {
    this.#address = address
    this.#log = log
  }

  /**
   * Throws system with the plugin's own words. A plugin that is not reached is tried again, for half
   * a minute, as it may be about to start; not with `once`.
   */
  async call(
    method: string,
    args: object | undefined,
    o: { timeoutMs: number; once?: boolean },
  ): Promise<Record<string, unknown>> {
    const begun = Date.now()
    for (let pause = 1000; ; pause = Math.min(pause * 2, PATIENCE_MS)) {
      try {
        return answerOf(method, await this.#post(method, args, o.timeoutMs))
      } catch (error) {
        if (!(error instanceof Unreachable)) throw error
        if (o.once || pause + Date.now() - begun >= PATIENCE_MS) throw system(error.message, error)
        this.#log(`plugin not reached, again in ${pause} ms: ${error.message}`)
        await delay(pause)
      }
    }
  }

  #post(method: string, args: object | undefined, timeoutMs: number): Promise<Answer> {
    const body = args === undefined ? '' : JSON.stringify(args)
    const { start, options, shown } = this.#target()
    const { promise, resolve, reject } = Promise.withResolvers<Answer>()
    const fail = (error: Error): void =>
      reject(new Unreachable(`Post ${JSON.stringify(`${shown}/${method}`)}: ${error.message}`))
    const sent = start(
      {
        ...options,
        method: 'POST',
        path: `/${method}`,
        agent: false,
        timeout: timeoutMs,
        headers: {
          ...options.headers,
          Accept: MIME,
          'Content-Type': MIME,
          'Content-Length': Buffer.byteLength(body),
        },
      },
      (response) => {
        readAnswer(response).then(resolve, fail)
      },
    )
    sent.on('timeout', () => sent.destroy(new Error('context deadline exceeded')))
    sent.on('error', fail)
    sent.end(body)
    return promise
  }

  #target(): { start: typeof httpRequest; options: Target; shown: string } {
    const { url, tls } = this.#address
    const parsed = new URL(url)
    if (parsed.protocol === 'unix:') {
      const socketPath = decodeURIComponent(parsed.pathname)
      const host = 'plugin.moby.localhost'
      return {
        start: httpRequest,
        options: { socketPath, headers: { Host: host } },
        shown: `http://${host}`,
      }
    }
    const secure = parsed.protocol === 'https:'
    const options: Target = { host: parsed.hostname, port: parsed.port }
    const start = secure ? httpsRequest : httpRequest
    const shown = `${secure ? 'https' : 'http'}://${parsed.host}`
    return { start, shown, options: secure ? { ...options, ...tlsOptions(tls) } : options }
  }
}

type Target = RequestOptions & { headers?: Record<string, string> }

class Unreachable extends Error {}

interface Answer {
  status: number
  text: string
}

function tlsOptions(tls: PluginAddress['tls']): object {
  const read = (path: string | undefined): Buffer | undefined =>
    path ? readFileSync(path) : undefined
  return {
    ca: read(tls?.ca),
    cert: read(tls?.cert),
    key: read(tls?.key),
    rejectUnauthorized: !(tls?.insecure ?? false),
  }
}

async function readAnswer(response: IncomingMessage): Promise<Answer> {
  const parts: Buffer[] = []
  let size = 0
  for await (const part of response as AsyncIterable<Buffer>) {
    size += part.length
    if (size > MAX_ANSWER) throw new Error('the answer is too long')
    parts.push(part)
  }
  return { status: response.statusCode ?? 0, text: Buffer.concat(parts).toString() }
}

/** moby's reading of an answer (pkg/plugins/client.go). */
function answerOf(method: string, { status, text }: Answer): Record<string, unknown> {
  const answer = parsed(text)
  const told = answer?.['Err']
  if (status !== 200)
    throw system(`${method}: ${typeof told === 'string' && told !== '' ? told : text}`)
  if (!answer) throw system(text.trim() === '' ? 'EOF' : `${method}: the answer is not JSON`)
  if (typeof told === 'string' && told !== '') throw system(told)
  return answer
}

function parsed(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined
  } catch {
    return undefined
  }
}
