/** A client of build sessions that says what a test wants it to say. */
import { randomBytes } from 'node:crypto'
import { request } from 'node:http'
import type { Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { SessionConnection } from '@tdocker/api/build-session/connection.ts'
import type { ListingRow } from '@tdocker/api/build-session/listing.ts'
import { type Held, MessageStream, type Want } from '@tdocker/api/build-session/messages.ts'
import { type SessionStream, StreamRefused } from '@tdocker/api/build-session/stream.ts'
import { type Built, builtOf } from '../integration/build/build-rig.ts'
import type { TestDaemon } from './test-daemon.ts'

export const newSessionId = (): string => randomBytes(32).toString('hex')

/** Status and body where it is refused. */
export function upgrade(
  daemon: TestDaemon,
  id: string,
): Promise<{ socket: Socket; head: Buffer } | { status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const asked = request({
      socketPath: daemon.socket,
      method: 'POST',
      path: `/build/session?id=${id}`,
      headers: { Connection: 'Upgrade', Upgrade: 'tdocker-build' },
    })
    asked.on('error', reject)
    asked.on('upgrade', (_response, socket, head) => {
      socket.on('error', () => {})
      resolve({ socket, head })
    })
    asked.on('response', (response) => {
      text(response).then(
        (said) => resolve({ status: response.statusCode ?? 0, text: said }),
        reject,
      )
    })
    asked.end()
  })
}

export interface Says {
  client?: string
  root?: string
  dockerfile: string
  rows?: ListingRow[]
  /** In place of rows. */
  same?: string
  tar?: Buffer
  /** In place of the whole dialog about the directory. */
  directory?(stream: SessionStream): Promise<void>
}

/** Builds with what the client says; `asked`: rows that the daemon wanted. */
export async function buildWith(
  daemon: TestDaemon,
  says: Says,
): Promise<Built & { asked: number[] }> {
  const id = newSessionId()
  const upgraded = await upgrade(daemon, id)
  if (!('socket' in upgraded)) throw new Error(upgraded.text)
  const asked: number[] = []
  const tell = says.directory ?? ((stream: SessionStream) => tellDirectory(stream, says, asked))
  const connection = new SessionConnection({
    ...upgraded,
    accept: ({ kind, name }, stream) => {
      if (kind === 'file' && name === 'Dockerfile') stream.end(says.dockerfile)
      if (kind === 'directory') tell(stream).catch((error: Error) => stream.destroy(error))
      if (kind === 'file') stream.resume()
      if (kind === 'file' && name !== 'Dockerfile')
        stream.destroy(new StreamRefused('not found', 'not-found'))
    },
  })
  connection.greet({ version: 1, agents: [], directories: ['context'] })
  const query = new URLSearchParams({ remote: 'client-session', session: id })
  const answer = await daemon.api.request('POST', `/build?${query}`)
  connection.close()
  return { ...builtOf(answer.status, answer.text), asked }
}

async function tellDirectory(stream: SessionStream, says: Says, asked: number[]): Promise<void> {
  const messages = new MessageStream(stream)
  await messages.send({ client: says.client ?? newSessionId(), root: says.root ?? '/ctx' })
  const { held } = (await messages.message()) as Held
  if (says.same !== undefined) return await messages.send({ same: says.same || (held[0] ?? '') })
  await messages.send({ rows: says.rows ?? [], last: true })
  const { want } = (await messages.message()) as Want
  for (const [first, count] of want) for (let at = 0; at < count; at++) asked.push(first + at)
  if (asked.length === 0) return
  await messages.sendTar(says.tar ?? Buffer.alloc(1024))
  await messages.endTar()
}
