/** One client's connection, as its build uses it. */
import { SessionConnection } from '@tdocker/api/build-session/connection.ts'
import {
  type Hello,
  ProtocolError,
  type SessionRequest,
} from '@tdocker/api/build-session/frames.ts'
import { type SessionStream, StreamRefused } from '@tdocker/api/build-session/stream.ts'
import type { Duplex } from 'node:stream'
import { cancelled, invalidParameter } from '../../base/errors.ts'
import type { IndexedTree } from '../cache/indexed-tree.ts'
import { MAX_DOCKERFILE } from '../context/dockerfile-text.ts'
import type { TreeNative } from '../copy/tree.ts'
import type { BuildSession, DirectoryOptions, SessionDirectory } from '../session.ts'
import type { KeptContexts } from './kept/kept-contexts.ts'
import { receiveDirectory } from './kept/receive.ts'
import { ListedTree } from './listed-tree.ts'

/** As BuildKit's limit. */
export const MAX_SECRET: number = 500 * 1024
/** Agents and directories that a client may have. */
const MAX_NAMES = 1000

export class ClientSession implements BuildSession {
  readonly #connection: SessionConnection
  readonly #agents = new Set<string>()
  readonly #directories = new Set<string>()
  readonly #contexts: KeptContexts
  readonly #leases = new DisposableStack()
  readonly #given = new Map<string, SessionDirectory>()
  /** Rejects when the client says none. */
  readonly greeted: Promise<void>
  /** Resolves when the connection is gone. */
  readonly closed: Promise<void>

  constructor({ contexts, ...o }: { socket: Duplex; head: Buffer; contexts: KeptContexts }) {
    this.#contexts = contexts
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
    try {
      return await this.#small({ kind: 'secret', name: id }, MAX_SECRET, signal)
    } catch (error) {
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

  async file(name: string, signal: AbortSignal): Promise<Buffer | undefined> {
    try {
      return await this.#small({ kind: 'file', name }, MAX_DOCKERFILE, signal)
    } catch (error) {
      throw invalidParameter(`failed to read ${name}: ${(error as Error).message}`, error)
    }
  }

  async directory(name: string, o: DirectoryOptions): Promise<SessionDirectory> {
    if (!this.#directories.has(name))
      throw invalidParameter(`the client of this build has no directory ${JSON.stringify(name)}`)
    const stream = this.#connection.open({ kind: 'directory', name })
    const lease = await receiveDirectory(this.#contexts, stream, o)
    this.#leases.use(lease)
    this.#given.set(lease.path, lease)
    return lease
  }

  async listed(native: TreeNative, path: string): Promise<IndexedTree | undefined> {
    const given = this.#given.get(path)
    return given && (await ListedTree.of(native, path, await given.rows()))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#connection.close()
    this.#leases.dispose()
  }

  async #small(
    request: SessionRequest,
    max: number,
    signal: AbortSignal,
  ): Promise<Buffer | undefined> {
    const stream = this.#connection.open(request)
    stream.end()
    try {
      return await readAll(stream, max, signal)
    } catch (error) {
      if (error instanceof StreamRefused && error.code === 'not-found') return undefined
      throw error
    }
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
