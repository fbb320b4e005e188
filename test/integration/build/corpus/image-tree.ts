/** The files of an image, read from what `docker save` makes of it: the same from every engine. */
import { createHash } from 'node:crypto'
import http from 'node:http'
import { posix } from 'node:path'
import { Readable } from 'node:stream'
import { gunzipSync } from 'node:zlib'
import { pipeline } from 'node:stream/promises'
import { type Headers, extract } from 'tar-stream'
import { CONTEXT_TIME } from './case.ts'

export interface SavedImage {
  config: Record<string, unknown>
  history: Array<{ created_by?: string; empty_layer?: boolean; author?: string }>
  /** A line for each file above the first `baseLayers` layers. */
  tree: string[]
}

interface Entry {
  head: Headers
  content: Buffer
}

export async function savedImage(
  socketPath: string,
  id: string,
  baseLayers: number,
): Promise<SavedImage> {
  const outer = await entriesOf(await download(socketPath, `/images/${id}/get`))
  const files = new Map(outer.map(({ head, content }) => [posix.normalize(head.name), content]))
  // Old engines tell a layer again as a link to where it was told first.
  for (const { head } of outer)
    if (head.type === 'symlink') {
      const target = posix.join(posix.dirname(head.name), head.linkname ?? '')
      files.set(posix.normalize(head.name), files.get(target) ?? Buffer.alloc(0))
    }
  const json = (name: string): unknown => JSON.parse(files.get(posix.normalize(name))!.toString())
  const [manifest] = json('manifest.json') as Array<{ Config: string; Layers: string[] }>
  const config = json(manifest!.Config) as {
    config: Record<string, unknown>
    history: SavedImage['history']
  }
  const tree = new Map<string, string>()
  for (const layer of manifest!.Layers.slice(baseLayers))
    apply(tree, await entriesOf(files.get(posix.normalize(layer))!))
  for (const path of [...tree.keys()])
    for (let at = posix.dirname(path); at !== '/'; at = posix.dirname(at))
      // What an archive does not tell of is a plain directory.
      if (!tree.has(at)) tree.set(at, `dir 755 0:0 ${at}`)
  const told = [...tree].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, line]) => line)
  return { config: config.config ?? {}, history: config.history, tree: told }
}

function apply(tree: Map<string, string>, entries: readonly Entry[]): void {
  for (const { head, content } of entries) {
    const path = posix.join('/', head.name).replace(/(.)\/$/, '$1')
    if (path === '/') continue
    const base = posix.basename(path)
    const below = (directory: string): void => {
      for (const each of tree.keys()) if (each.startsWith(`${directory}/`)) tree.delete(each)
    }
    if (base === '.wh..wh..opq') {
      below(posix.dirname(path))
      tree.set(`${posix.dirname(path)}/.wh..wh..opq`, `opaque ${posix.dirname(path)}`)
      continue
    }
    if (base.startsWith('.wh.')) {
      const gone = posix.join(posix.dirname(path), base.slice('.wh.'.length))
      below(gone)
      tree.set(gone, `gone ${gone}`)
      continue
    }
    if (head.type !== 'directory') below(path)
    tree.set(path, lineOf(path, head, content))
  }
}

const KINDS: Readonly<Record<string, string>> = {
  file: 'file',
  directory: 'dir',
  symlink: 'link',
  link: 'hard',
  fifo: 'fifo',
  'character-device': 'char',
  'block-device': 'block',
}

function lineOf(path: string, head: Headers, content: Buffer): string {
  const { mode = 0, uid = 0, gid = 0, mtime } = head
  const type = head.type ?? 'file'
  const linkname = head.linkname ?? ''
  const { pax } = head as { pax?: Record<string, string> }
  const words = [KINDS[type] ?? type]
  if (type === 'link') return `${words[0]} ${path} = ${posix.join('/', linkname)}`
  if (type !== 'symlink') words.push((mode & 0o7777).toString(8).padStart(3, '0'))
  words.push(`${uid}:${gid}`, path)
  if (type === 'symlink') words.push(`-> ${linkname}`)
  if (type === 'file') words.push(contentOf(content))
  if (/device/.test(type)) words.push(`${head.devmajor ?? 0},${head.devminor ?? 0}`)
  for (const [key, value] of Object.entries(pax ?? {}))
    if (key.startsWith('SCHILY.xattr.'))
      words.push(`${key.slice('SCHILY.xattr.'.length)}=${JSON.stringify(value)}`)
  if (mtime && mtime.getTime() === CONTEXT_TIME.getTime()) words.push('@context')
  return words.join(' ')
}

/** Itself where it is short, else what is known of it. */
function contentOf(content: Buffer): string {
  const text = content.toString()
  if (content.length <= 200 && !text.includes('\uFFFD')) return JSON.stringify(text)
  const digest = createHash('sha256').update(content).digest('hex')
  return `${content.length} bytes ${digest.slice(0, 12)}`
}

/** Of a tar, which engines may keep compressed. */
async function entriesOf(bytes: Buffer): Promise<Entry[]> {
  const tar = bytes.readUInt16BE(0) === 0x1f8b ? gunzipSync(bytes) : bytes
  const entries: Entry[] = []
  const archive = extract()
  archive.on('entry', (head, stream, next) => {
    const parts: Buffer[] = []
    stream.on('data', (part: Buffer) => parts.push(part))
    stream.on('end', () => {
      entries.push({ head, content: Buffer.concat(parts) })
      next()
    })
  })
  await pipeline(Readable.from([tar]), archive)
  return entries
}

function download(socketPath: string, path: string): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    http
      .get({ socketPath, path }, (response) => {
        const parts: Buffer[] = []
        response.on('data', (part: Buffer) => parts.push(part))
        response.on('error', reject)
        response.on('end', () => resolve(Buffer.concat(parts)))
      })
      .on('error', reject)
  })
}
