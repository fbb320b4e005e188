/** A context by its address: an archive, or a Dockerfile alone (moby: builder/remotecontext). */
import { Readable } from 'node:stream'
import type { JSONMessage } from '@tdocker/api/jsonmessage.ts'
import { invalidParameter, prefixed, system } from '../../base/errors.ts'
import { openRemote, remoteUrl } from '../../registry/remote-file.ts'
import { type Secrets, secretHeaders } from '../copy/http-secrets.ts'
import type { Response, Transport } from '../../registry/transport.ts'

/** What of the beginning tells an archive from a text. */
const PREAMBLE = 100
const MAX_DOCKERFILE = 2 * 1024 * 1024
/** Milliseconds between two words about the download. */
const PACE = 100
/** moby's, and zstd. */
const ACCEPTED =
  /application\/(?:(?:x-)?tar|octet-stream|(?:x-)?(?:gzip|bzip2?|xz|zstd))|text\/plain/

/** A stream of an archive, or a Dockerfile's text. Throws what a client is told. */
export async function openRemoteContext(
  { transport, session }: { transport: Transport; session: Secrets | undefined },
  remote: string,
  o: { signal: AbortSignal; progress: (message: JSONMessage) => void },
): Promise<Readable | Buffer> {
  const open = async (): Promise<Response> => {
    const url = remoteUrl(remote)
    const secret = await secretHeaders(session, url, o.signal)
    return await openRemote(transport, url, o.signal, secret)
  }
  if (!/^https?:\/\//.test(remote))
    throw system(`remoteURL (${remote}) could not be recognized as URL`)
  const response = await open().catch((error: unknown) => {
    throw prefixed(`error downloading remote context ${remote}`, error)
  })
  try {
    const body = response.body[Symbol.asyncIterator]() as AsyncIterator<Buffer>
    const head = await preambleOf(body)
    const type = acceptedType(String(response.headers['content-type'] ?? ''), head)
    const whole = told(remote, head, body, o.progress)
    if (type !== 'text/plain') return closing(response.body, whole)
    const text = await readAll(whole)
    response.body.destroy()
    return text
  } catch (error) {
    response.body.destroy()
    throw prefixed(`error detecting content type for remote ${remote}`, error)
  }
}

async function preambleOf(body: AsyncIterator<Buffer>): Promise<Buffer> {
  let head: Buffer = Buffer.alloc(0)
  while (head.length < PREAMBLE) {
    const { value, done } = await body.next()
    if (done) break
    head = Buffer.concat([head, value])
  }
  if (head.length === 0) throw system('empty response')
  return head
}

/** Servers say octet-stream of what they do not know. */
function acceptedType(said: string, head: Buffer): string {
  const known = said === '' || said === 'application/octet-stream' ? sniffed(head) : said
  const type = ACCEPTED.exec(known)?.[0]
  if (type === undefined) throw system(`unsupported Content-Type ${JSON.stringify(said)}`)
  return type
}

/** As far as it matters here (https://mimesniff.spec.whatwg.org/, as Go's net/http). */
function sniffed(head: Buffer): string {
  const start = head.subarray(0, PREAMBLE).toString('latin1')
  if (
    /^\s*<(!doctype html|html|head|script|!--|body|div|p|h1|table|a|br|font|title|style|b)[ >]/i.test(
      start,
    )
  )
    return 'text/html'
  // oxlint-disable-next-line no-control-regex
  return /[\u0000-\u0008\u000B\u000E-\u001A\u001C-\u001F]/.test(start)
    ? 'application/octet-stream'
    : 'text/plain'
}

async function* told(
  remote: string,
  head: Buffer,
  body: AsyncIterator<Buffer>,
  progress: (message: JSONMessage) => void,
): AsyncGenerator<Buffer> {
  let current = head.length
  let last = 0
  const tell = (): void => {
    last = Date.now()
    const progressDetail = { current }
    progress({ status: remote, progressDetail, id: 'Downloading context' } as JSONMessage)
  }
  yield head
  for (let next = await body.next(); !next.done; next = await body.next()) {
    current += next.value.length
    if (Date.now() - last >= PACE) tell()
    yield next.value
  }
  tell()
}

function closing(response: Readable, whole: AsyncGenerator<Buffer>): Readable {
  const stream = Readable.from(whole, { objectMode: false })
  stream.once('close', () => response.destroy())
  return stream
}

async function readAll(body: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of body) {
    size += chunk.length
    if (size > MAX_DOCKERFILE) throw invalidParameter('the Dockerfile is larger than 2 MiB')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}
