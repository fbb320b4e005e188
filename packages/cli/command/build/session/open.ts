/** The connection beside a build: what of ours the daemon may ask for while it works. */
import { SessionConnection } from '@tdocker/api/build-session/connection.ts'
import { PROTOCOL, type SessionRequest } from '@tdocker/api/build-session/frames.ts'
import { type SessionStream, StreamRefused } from '@tdocker/api/build-session/stream.ts'
import { randomBytes } from 'node:crypto'
import type { Client } from '../../../client/client.ts'
import { ApiError } from '../../../client/errors.ts'

export interface SessionContent {
  /** undefined: there is none. */
  secret(id: string): Buffer | undefined
  /** Serve one connection each. */
  readonly agents: ReadonlyMap<string, (stream: SessionStream) => Promise<void>>
  /** What tells of a directory and sends its files. */
  readonly directories: ReadonlyMap<string, (stream: SessionStream) => Promise<void>>
  /** The Dockerfile and the ignore file, by the names that the build has for them. */
  readonly files: ReadonlyMap<string, Buffer>
}

export interface OpenSession {
  readonly id: string
  close(): void
}

/** Answers of a daemon that does not know the path. */
const UNKNOWN = new Set([404, 405, 501])

/** undefined where the daemon has no such sessions. */
export async function openSession(
  client: Client,
  content: SessionContent,
): Promise<OpenSession | undefined> {
  const id = randomBytes(32).toString('hex')
  try {
    const { socket, head } = await client.hijack('/build/session', { query: { id } }, PROTOCOL)
    const connection = new SessionConnection({
      socket,
      head,
      accept: (request, stream) => void serve(content, request, stream),
    })
    connection.greet({
      version: 1,
      agents: [...content.agents.keys()],
      directories: [...content.directories.keys()],
    })
    return { id, close: () => connection.close() }
  } catch (error) {
    if (error instanceof ApiError && UNKNOWN.has(error.status)) return undefined
    throw error
  }
}

async function serve(
  content: SessionContent,
  request: SessionRequest,
  stream: SessionStream,
): Promise<void> {
  try {
    await answer(content, request, stream)
  } catch (error) {
    stream.destroy(error as Error)
  }
}

async function answer(
  content: SessionContent,
  request: SessionRequest,
  stream: SessionStream,
): Promise<void> {
  switch (request.kind) {
    case 'secret':
    case 'file': {
      const { kind, name } = request
      const data = kind === 'secret' ? content.secret(name) : content.files.get(name)
      if (!data) throw missing()
      stream.end(data)
      // Both sides must have ended, or the stream is never done.
      stream.resume()
      return
    }
    case 'agent': {
      const serveAgent = content.agents.get(request.name)
      if (!serveAgent) throw missing()
      return await serveAgent(stream)
    }
    case 'directory': {
      const send = content.directories.get(request.name)
      if (!send) throw missing()
      return await send(stream)
    }
  }
}

function missing(): StreamRefused {
  return new StreamRefused('not found', 'not-found')
}
