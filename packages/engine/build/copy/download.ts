/** ADD of a URL: the file, mode 0600, its time the server's (BuildKit: source/http). */
import { createHash, randomBytes } from 'node:crypto'
import { mkdir, open, utimes } from 'node:fs/promises'
import { join, posix } from 'node:path'
import { invalidParameter, system } from '../../base/errors.ts'
import { openRemote, remoteUrl } from '../../registry/remote-file.ts'
import type { Response, Transport } from '../../registry/transport.ts'
import { roomAt } from '../context/intake.ts'
import { Hasher, parseChecksum } from './checksum.ts'
import type { DownloadRecord, DownloadRecords } from './download-records.ts'
import { type Secrets, secretHeaders } from './http-secrets.ts'
import type { RemoteContent } from './remote-source.ts'
import { Tree, type TreeNative } from './tree.ts'

export interface DownloadContext {
  transport: Transport
  session: Secrets | undefined
  native: TreeNative
  records: DownloadRecords
  /** Of the build's own; gone with it. */
  scratch(): Promise<string>
}

export function isUrl(source: string): boolean {
  return /^https?:\/\//i.test(source)
}

/** Asks the server only for what is not known. Throws what a client is told. */
export async function resolveDownload(
  ctx: DownloadContext,
  source: string,
  o: { checksum: string; signal: AbortSignal },
): Promise<RemoteContent> {
  const download = new Download(ctx, remoteUrl(source), o)
  return await download.resolve()
}

interface Fetched {
  directory: string
  name: string
  digest: string
}

class Download {
  readonly #ctx: DownloadContext
  readonly #url: URL
  readonly #o: { checksum: string; signal: AbortSignal }

  constructor(ctx: DownloadContext, url: URL, o: { checksum: string; signal: AbortSignal }) {
    this.#ctx = ctx
    this.#url = url
    this.#o = o
  }

  async resolve(): Promise<RemoteContent> {
    const { checksum } = this.#o
    const name = nameIn(this.#url)
    if (checksum !== '') {
      parseChecksum(checksum)
      if (name !== '') return this.#source({ name, digest: checksum }, undefined)
    }
    const known = checksum === '' ? this.#ctx.records.find(this.#url) : undefined
    const response = await this.#ask(known)
    if (response.status === 304 && known) {
      response.body.destroy()
      return this.#source(known, undefined)
    }
    const fetched = await this.#save(response)
    return this.#source(fetched, fetched)
  }

  #source(
    { name, digest }: Pick<DownloadRecord, 'name' | 'digest'>,
    here: Fetched | undefined,
  ): RemoteContent {
    const key = createHash('sha256').update(`${name}\0${digest}`).digest('hex')
    return {
      digest: `file:${key}`,
      open: async () => {
        const fetched = here ?? (await this.#save(await this.#ask(undefined)))
        // Else it would be remembered as what it is not.
        if (fetched.digest !== digest || fetched.name !== name)
          throw system(`${shown(this.#url)} changed while it was added`)
        const tree = Tree.ofDirectory(this.#ctx.native, fetched.directory)
        return { tree, path: `/${name}` }
      },
    }
  }

  async #ask(known: DownloadRecord | undefined): Promise<Response> {
    const { session } = this.#ctx
    const headers = await secretHeaders(session, this.#url, this.#o.signal)
    if (known && known.etag !== '') headers['if-none-match'] = known.etag
    else if (known && known.modified !== '') headers['if-modified-since'] = known.modified
    return await openRemote(this.#ctx.transport, this.#url, this.#o.signal, headers)
  }

  async #save({ headers, body, url, status }: Response): Promise<Fetched> {
    const { checksum } = this.#o
    try {
      if (status < 200 || status >= 300) throw system(`invalid response status ${status}`)
      const name = nameIn(this.#url) || nameSaid(headers['content-disposition']) || nameIn(url)
      const directory = join(await this.#ctx.scratch(), randomBytes(8).toString('hex'))
      await mkdir(directory, { mode: 0o700 })
      const path = join(directory, name || '__unnamed__')
      const wanted = checksum === '' ? 'sha256' : parseChecksum(checksum).algorithm
      const { signal } = this.#o
      const digests = await write(this.#url, body, { path, algorithms: ['sha256', wanted], signal })
      const digest = digests.get(wanted)!
      if (checksum !== '' && checksum !== digest)
        throw invalidParameter(`digest mismatch ${digest}: ${checksum}`)
      const modified = textOf(headers['last-modified'])
      await stamp(path, modified)
      const record = { name: posix.basename(path), digest, etag: textOf(headers['etag']), modified }
      if (wanted === 'sha256') await this.#ctx.records.note(this.#url, record)
      return { directory, ...record }
    } finally {
      body.destroy()
    }
  }
}

/** A file as it is, at `path`, of the server's time. Throws what a client is told. */
export async function fetchFile(
  { transport, session }: Pick<DownloadContext, 'transport' | 'session'>,
  source: string,
  { path, signal }: { path: string; signal: AbortSignal },
): Promise<void> {
  const url = remoteUrl(source)
  const secret = await secretHeaders(session, url, signal)
  const { body, headers } = await openRemote(transport, url, signal, secret)
  try {
    await write(url, body, { path, algorithms: [], signal })
    await stamp(path, textOf(headers['last-modified']))
  } finally {
    body.destroy()
  }
}

async function write(
  url: URL,
  body: AsyncIterable<Uint8Array>,
  o: { path: string; algorithms: readonly string[]; signal: AbortSignal },
): Promise<Map<string, string>> {
  const hasher = new Hasher(o.algorithms)
  const limit = await roomAt(posix.dirname(o.path))
  let size = 0
  await using file = await open(o.path, 'wx', 0o600)
  for await (const chunk of body) {
    o.signal.throwIfAborted()
    size += chunk.length
    if (size > limit) throw system(`${shown(url)} is larger than the room on the disk`)
    hasher.update(chunk)
    await file.write(chunk)
  }
  return hasher.digests()
}

/** Without a time of the server's it is the beginning of time, the same in every build. */
async function stamp(path: string, modified: string): Promise<void> {
  const time = Date.parse(modified)
  await utimes(path, new Date(), new Date(Number.isNaN(time) ? 0 : time))
}

function textOf(header: string | string[] | undefined): string {
  return typeof header === 'string' ? header : ''
}

function shown(url: URL): string {
  return `${url.protocol}//${url.host}${url.pathname}`
}

/** One path element by the server's word. */
function nameSaid(disposition: unknown): string {
  return element(/filename="?([^";]+)"?/i.exec(String(disposition ?? ''))?.[1] ?? '')
}

/** The last element of the path; empty for none. */
function nameIn({ pathname }: URL): string {
  try {
    return element(decodeURIComponent(pathname))
  } catch {
    return element(pathname)
  }
}

function element(path: string): string {
  const name = posix.basename(path)
  return name === '.' || name === '..' || name.includes('\0') ? '' : name
}
