/** Archives in and out of a running container: few large files, many small ones. */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { tarEntry } from '../integration/kernel/tar-maker.ts'
import type { Engine } from './cases.ts'
import { timed } from './measure.ts'

const LARGE = { files: 20, size: 10_000_000 }
const SMALL = { files: 2000, size: 1000, directories: 40 }
const MB = 1e6

export interface ArchiveSamples {
  putRate: number
  getRate: number
  putMany: number
  getMany: number
}

/** MB/s of 200 MB, milliseconds of 2,000 files. */
export async function archiveRound(
  engine: Engine,
  api: string,
  id: string,
): Promise<ArchiveSamples> {
  const blob = randomBytes(LARGE.size)
  const large = Array.from({ length: LARGE.files }, (_, i) =>
    tarEntry({ name: `large/f${i}`, content: blob }),
  )
  const small = Array.from({ length: SMALL.files }, (_, i) =>
    tarEntry({
      name: `small/d${i % SMALL.directories}/f${i}`,
      content: blob.subarray(i * SMALL.size, (i + 1) * SMALL.size),
    }),
  )
  const bytes = LARGE.files * LARGE.size
  const at = (path: string): string => `${api}/containers/${id}/archive?path=${path}`
  const putLarge = await timed(() => upload(engine, at('/'), large))
  const getLarge = await timed(() => download(engine, at('/large'), bytes))
  const putMany = await timed(() => upload(engine, at('/'), [Buffer.concat(small)]))
  const getMany = await timed(() => download(engine, at('/small'), SMALL.files * SMALL.size))
  return {
    putRate: bytes / MB / (putLarge / 1000),
    getRate: bytes / MB / (getLarge / 1000),
    putMany,
    getMany,
  }
}

async function upload(engine: Engine, path: string, parts: readonly Buffer[]): Promise<void> {
  const request = httpRequest({
    socketPath: engine.api.socketPath,
    method: 'PUT',
    path,
    agent: false,
    headers: { 'Content-Type': 'application/x-tar' },
  })
  const answered = once(request, 'response') as Promise<[IncomingMessage]>
  for (const part of parts) if (!request.write(part)) await once(request, 'drain')
  request.end(Buffer.alloc(1024))
  const [answer] = await answered
  answer.resume()
  if (answer.statusCode !== 200) throw new Error(`PUT archive: ${answer.statusCode}`)
  await once(answer, 'end')
}

async function download(engine: Engine, path: string, least: number): Promise<void> {
  const answer = await engine.api.stream('GET', path)
  let total = 0
  answer.on('data', (part: Buffer) => (total += part.length))
  await once(answer, 'end')
  if (total < least) throw new Error(`GET archive: ${total} bytes`)
}
