/** One client's connection, as its build uses it. */
import { SessionConnection } from '@tdocker/api/build-session/connection.ts'
import { type Hello, MAX_PAYLOAD, ProtocolError } from '@tdocker/api/build-session/frames.ts'
import { type SessionStream, StreamRefused } from '@tdocker/api/build-session/stream.ts'
import type { Duplex, Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { cancelled, invalidParameter } from '../../base/errors.ts'
import type { BuildSession } from '../session.ts'

/** As BuildKit's limit. */
export const MAX_SECRET: number = 500 * 1024
/** Agents and directories that a client may have. */
const MAX_NAMES = 1000

export class ClientSession implements BuildSession {
  readonly #connection: SessionConnection
  readonly #agents = new Set<string>()
  readonly #directories = new Set<string>()
  /** Rejects when the client says none. */
  readonly greeted: Promise<void>
  /** Resolves when the connection is gone. */
  readonly closed: Promise<void>

  constructor(o: { socket: Duplex; head: Buffer }) {
    const greeted = Promise.withResolvers<void>()
    const closed = Promise.withResolvers<void>()
    this.greeted = greeted.promise
    this.closed = closed.promise
    this.greeted.catch(() => {})
    this.#connection = new SessionConnection({
      ...o,
      hello: (payload) => {
        const { agents, directories } = readHello(payload)
        for (const id of agents) this.#agents.add(id)
        for (const name of directories) this.#directories.add(name)
        greeted.resolve()
      },
      closed: (error) => {
        greeted.reject(error)
        closed.resolve()
      },
    })
  }

  get isClosed(): boolean {
    return this.#connection.closed
  }

  async secret(id: string, signal: AbortSignal): Promise<Buffer | undefined> {
    const stream = this.#connection.open({ kind: 'secret', name: id })
    stream.end()
    try {
      return await readAll(stream, MAX_SECRET, signal)
    } catch (error) {
      if (error instanceof StreamRefused && error.code === 'not-found') return undefined
      throw invalidParameter(`secret ${id}: ${(error as Error).message}`, error)
    }
  }

  get hasAgents(): boolean {
    return this.#agents.size > 0
  }

  hasAgent(id: string): boolean {
    return this.#agents.has(id)
  }

  connectAgent(id: string): Duplex {
    return this.#connection.open({ kind: 'agent', name: id })
  }

  async fill(name: string): Promise<void> {
    if (!this.#directories.has(name))
      throw invalidParameter(`the client of this build has no directory ${JSON.stringify(name)}`)
    throw invalidParameter('contexts of a session are not supported: send the context as a tar')
  }

  async sendOutput(index: number, tar: Readable, signal: AbortSignal): Promise<void> {
    const stream = this.#connection.open({ kind: 'output', index })
    const written = readAll(stream, MAX_PAYLOAD, signal)
    written.catch(() => {})
    try {
      await pipeline(tar, stream, { signal, end: true })
      // The client ends its side when all is where it belongs.
      await written
    } catch (error) {
      stream.destroy()
      if (signal.aborted) throw cancelled('Build cancelled', error)
      throw invalidParameter(`failed to send the result: ${(error as Error).message}`, error)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#connection.close()
  }
}

async function readAll(stream: SessionStream, max: number, signal: AbortSignal): Promise<Buffer> {
  const stop = (): void => void stream.destroy(cancelled('Build cancelled'))
  signal.addEventListener('abort', stop, { once: true })
  try {
    signal.throwIfAborted()
    const chunks: Buffer[] = []
    let size = 0
    for await (const chunk of stream) {
      size += (chunk as Buffer).length
      if (size > max) throw invalidParameter(`more than ${max} bytes`)
      chunks.push(chunk as Buffer)
    }
    return Buffer.concat(chunks)
  } finally {
    signal.removeEventListener('abort', stop)
    if (!stream.readableEnded) stream.destroy()
  }
}

function readHello(payload: Buffer): Hello {
  let hello: Partial<Hello>
  try {
    hello = JSON.parse(payload.toString()) as Partial<Hello>
  } catch {
    throw new ProtocolError('a hello that is no JSON')
  }
  const { version, agents, directories } = hello ?? {}
  if (version !== 1) throw new ProtocolError(`version ${String(version)}`)
  if (!isNames(agents) || !isNames(directories)) throw new ProtocolError('hello without names')
  return { version, agents, directories }
}

function isNames(value: unknown): value is string[] {
  return (
    Array.isArray(value) &&
    value.length <= MAX_NAMES &&
    value.every((name) => typeof name === 'string')
  )
}
