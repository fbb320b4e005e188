/** ADD of a URL: the file, mode 0600, its time the server's. */
import { createHash } from 'node:crypto'
import { type FileHandle, mkdir, open, utimes } from 'node:fs/promises'
import { join, posix } from 'node:path'
import { randomBytes } from 'node:crypto'
import { invalidParameter } from '../../base/errors.ts'
import { openRemote, remoteUrl } from '../../registry/remote-file.ts'
import type { Transport } from '../../registry/transport.ts'
import { Tree, type TreeNative } from './tree.ts'

export interface DownloadContext {
  transport: Transport
  native: TreeNative
  /** Of the build's own; gone with it. */
  scratch(): Promise<string>
}

export function isUrl(source: string): boolean {
  return /^https?:\/\//i.test(source) && !isGitSource(source)
}

export function isGitSource(source: string): boolean {
  return /^(git@|git:\/\/|ssh:\/\/)/.test(source) || /^https?:\/\/.*\.git(#.*|\?.*)?$/.test(source)
}

export interface Downloads extends AsyncDisposable {
  tree: Tree
  paths: string[]
}

/** undefined without urls. Throws invalidParameter where a checksum is not met. */
export async function downloadSources(
  ctx: DownloadContext,
  o: { urls: readonly string[]; checksum: string; signal: AbortSignal },
): Promise<Downloads | undefined> {
  if (o.urls.length === 0) return undefined
  const directory = join(await ctx.scratch(), randomBytes(8).toString('hex'))
  await mkdir(directory, { recursive: true, mode: 0o700 })
  const paths: string[] = []
  for (const [at, url] of o.urls.entries()) {
    const own = join(directory, String(at))
    await mkdir(own, { mode: 0o700 })
    const name = await download(ctx, url, own, o)
    paths.push(`/${at}/${name}`)
  }
  const tree = Tree.ofDirectory(ctx.native, directory)
  return { tree, paths, [Symbol.asyncDispose]: async () => tree[Symbol.dispose]() }
}

async function download(
  ctx: DownloadContext,
  source: string,
  directory: string,
  o: { checksum: string; signal: AbortSignal },
): Promise<string> {
  const url = remoteUrl(source)
  const response = await openRemote(ctx.transport, url, o.signal)
  try {
    const name = nameOf(url, response.headers['content-disposition'])
    if (name === '')
      throw invalidParameter(`cannot determine filename for source ${url.href}`)
    const path = join(directory, name)
    await using file = await open(path, 'wx', 0o600)
    const digest = await save(response.body, file, o.signal)
    if (o.checksum !== '' && o.checksum !== digest)
      throw invalidParameter(`digest mismatch ${digest}: ${o.checksum}`)
    const modified = Date.parse(String(response.headers['last-modified'] ?? ''))
    await utimes(path, new Date(), new Date(Number.isNaN(modified) ? 0 : modified))
    return name
  } finally {
    response.body.destroy()
  }
}

async function save(
  body: AsyncIterable<Uint8Array>,
  file: FileHandle,
  signal: AbortSignal,
): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of body) {
    signal.throwIfAborted()
    hash.update(chunk)
    await file.write(chunk)
  }
  return `sha256:${hash.digest('hex')}`
}

/** One path element, by the server's word or the URL's end. */
function nameOf(url: URL, disposition: unknown): string {
  const said = /filename="?([^";]+)"?/i.exec(String(disposition ?? ''))?.[1] ?? ''
  const name = posix.basename(said !== '' ? said : decode(url.pathname))
  return name === '.' || name === '..' || name.includes('\0') ? '' : name
}

function decode(path: string): string {
  try {
    return path.endsWith('/') ? '' : decodeURIComponent(path)
  } catch {
    return path
  }
}
