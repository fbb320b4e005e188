/** COPY and ADD: what is copied becomes a layer's tar; the trees are read by descriptors. */
import { createHash } from 'node:crypto'
import { posix } from 'node:path'
import { KernelError } from '@tdocker/kernel/native.ts'
import { invalidParameter, system } from '../../base/errors.ts'
import type { CopyOperation } from '../graph/operation.ts'
import { type ArchiveFormats, isArchive, unpackedArchive } from './archive.ts'
import { EntriesDigest } from './content-digest.ts'
import { type ChangeMode, parseMode } from './file-mode.ts'
import { isExcluded } from './pattern.ts'
import { TAR_END, ownEntry, rewriteTar } from './rewrite-tar.ts'
import type { RemoteSource, RemoteTree } from './remote-source.ts'
import type { PackOptions, SourceTree } from './source-tree.ts'
import { type Found, findSources } from './sources.ts'
import { BadTar, type TarEntry } from './tar-entry.ts'
import type { Tree } from './tree.ts'

export interface CopyRequest {
  operation: CopyOperation
  /** Where the sources are; undefined where all are heredocs or downloads. */
  source: SourceTree | undefined
  /** Known by digests alone so far. */
  remotes: readonly RemoteSource[]
  formats: ArchiveFormats
  signal: AbortSignal
}

/** One thing to be copied, its place not yet decided. */
interface Item {
  tree: SourceTree
  found: Found
  isDirectory: boolean
  /** Of a directory that is copied: the root of a tree has one of its own making. */
  mode: number
  isArchive: boolean
}

/** What is to be copied, looked up and hashed; without a look at where to. */
export interface CopySources {
  items: Item[]
  /** As moby's history names it: `file:HEX`, `dir:HEX`, `multi:HEX`. */
  digest: string
}

/** Finds the sources and hashes what they hold: names, kinds, modes, owners, content, no times. */
export async function findCopySources(o: CopyRequest): Promise<CopySources> {
  const { operation } = o
  const items: Item[] = []
  for (const source of operation.sources) {
    const found = o.source ? await findSources(o.source, source) : []
    for (const each of found) items.push(await lookUp(o, o.source!, each, source))
  }
  if (items.length === 0 && operation.files.length === 0 && o.remotes.length === 0)
    throw invalidParameter(`${operation.instruction} failed: no source files were specified`)
  const digests: string[] = []
  for (const item of items) digests.push(await digestOf(o, item))
  for (const { name, data } of operation.files)
    digests.push(`file:${createHash('sha256').update(`${name}\0${data}`).digest('hex')}`)
  digests.push(...o.remotes.map(({ digest }) => digest))
  const [only = ''] = digests
  const all = createHash('sha256').update(digests.join(',')).digest('hex')
  return { items, digest: digests.length === 1 ? only : `multi:${all}` }
}

/** With what is elsewhere, now that it is here. */
export async function withRemotes(
  o: CopyRequest,
  sources: CopySources,
  remotes: readonly RemoteTree[],
): Promise<CopySources> {
  const items = [...sources.items]
  for (const { tree, path } of remotes) items.push(await lookUp(o, tree, { path, pivot: '/' }, path))
  return { ...sources, items }
}

async function lookUp(o: CopyRequest, tree: SourceTree, found: Found, said: string): Promise<Item> {
  const { operation } = o
  const stat = await tree.stat(found.path)
  if (!stat) {
    const where = operation.from === '' ? 'file not found in build context or excluded by .dockerignore: ' : ''
    throw invalidParameter(
      `${operation.instruction} failed: ${where}stat ${said.replace(/^\.?\//, '')}: file does not exist`,
    )
  }
  const isDirectory = stat.type === 'directory'
  const mayUnpack =
    operation.unpack ?? (operation.instruction === 'ADD' && tree === o.source)
  using pinned = mayUnpack && stat.type === 'file' ? await tree.open(found.path) : undefined
  const archive = pinned !== undefined && (await isArchive(pinned.fd, o.formats))
  const mode = isDirectory && found.path !== '/' ? stat.mode : 0
  return { tree, found, isDirectory, mode, isArchive: archive }
}

async function digestOf(o: CopyRequest, item: Item): Promise<string> {
  const { found, isDirectory, mode } = item
  const kind = isDirectory ? 'dir' : 'file'
  const digest = new EntriesDigest(JSON.stringify([posix.basename(found.path), kind, mode]))
  for await (const { entry, digest: content } of item.tree.entries(found.path, packing(o, item)))
    if (!excluded(o.operation, item, entry))
      digest.add({ entry: { ...entry, ...ownerAsCopied(o, entry) }, digest: content })
  return `${kind}:${digest.hex()}`
}

/** A directory's entries stand alone; a file has its own name. */
function packing({ signal }: CopyRequest, { found, isDirectory }: Item): PackOptions {
  return { name: isDirectory ? undefined : posix.basename(found.path), signal }
}

/** Files of the build context are root's, whoever packed them. */
function ownerAsCopied(o: CopyRequest, entry: TarEntry): { uid: number; gid: number } {
  const { uid, gid } = entry
  return o.operation.from === '' ? { uid: 0, gid: 0 } : { uid, gid }
}

function excluded({ exclude }: CopyOperation, item: Item, entry: TarEntry): boolean {
  if (exclude.length === 0) return false
  const inner = item.isDirectory ? entry.name : posix.basename(item.found.path)
  return isExcluded(exclude, Buffer.from(inner, 'latin1').toString())
}

function packed(
  o: CopyRequest,
  item: Item,
  edit: (entry: TarEntry) => TarEntry | undefined,
): AsyncIterable<Buffer> {
  return rewriteTar(item.tree.pack(item.found.path, packing(o, item)), edit)
}

export interface CopyTarget {
  /** The image that is copied into; undefined: nothing is there. */
  tree: Tree | undefined
  /** `--chown`, looked up there; undefined keeps what the source says. */
  owner: { uid: number; gid: number } | undefined
}

/** The layer's tar. Throws invalidParameter in moby's words where it cannot be. */
export async function* copyTar(
  o: CopyRequest,
  sources: CopySources,
  target: CopyTarget,
): AsyncGenerator<Buffer> {
  const { operation } = o
  const count = sources.items.length + operation.files.length
  const place = await placeOf(operation, count, target.tree)
  const change = parseMode(operation.chmod)
  const writer = new LayerWriter(o, target, change)
  for (const item of sources.items) yield* writer.item(item, place)
  for (const file of operation.files) yield* writer.file(file, place)
  yield TAR_END
}

interface Place {
  /** Absolute, without links as far as there is something. */
  path: string
  /** Copies go into it, by their names. */
  isDirectory: boolean
}

async function placeOf(
  { instruction, destination, workingDir }: CopyOperation,
  count: number,
  tree: Tree | undefined,
): Promise<Place> {
  const isSlashed = /(^|\/)\.{0,2}$/.test(destination)
  if (count > 1 && !isSlashed)
    throw invalidParameter(
      `When using ${instruction} with more than one source file, the destination must be a directory and end with a /`,
    )
  const wanted = posix.resolve('/', workingDir, destination)
  const path = tree ? await tree.resolve(wanted) : wanted
  const stat = await tree?.stat(path)
  return { path, isDirectory: isSlashed || stat?.type === 'directory' }
}

/** Puts entries where they belong, with the directories above them that are not there yet. */
class LayerWriter {
  readonly #o: CopyRequest
  readonly #target: CopyTarget
  readonly #change: ChangeMode | undefined
  /** Directories that are there or have been made. */
  readonly #made = new Set(['/'])

  constructor(o: CopyRequest, target: CopyTarget, change: ChangeMode | undefined) {
    this.#o = o
    this.#target = target
    this.#change = change
  }

  async *item(item: Item, place: Place): AsyncGenerator<Buffer> {
    const { operation } = this.#o
    const keeps = operation.parents
    const kept = keeps ? posix.relative(item.found.pivot, item.found.path) : ''
    if (item.isArchive) {
      yield* this.#directories(place.path)
      yield* unpackedArchive({
        tree: item.tree,
        path: item.found.path,
        prefix: place.path,
        formats: this.#o.formats,
        signal: this.#o.signal,
        edit: (entry) => this.#edited(entry, entry.name, { keepOwner: true }),
      })
      return
    }
    if (item.isDirectory) {
      const top = keeps ? posix.join(place.path, kept) : place.path
      yield* this.#directories(top, item)
      yield* packed(this.#o, item, (entry) => {
        if (excluded(operation, item, entry)) return undefined
        const inner = entry.name.replace(/^\.?\/+|\/+$/g, '')
        if (inner === '' || inner === '.') return undefined
        return this.#edited(entry, `${latin1(top)}/${inner}`)
      })
      return
    }
    const name = posix.basename(item.found.path)
    const into = keeps ? posix.join(place.path, kept) : posix.join(place.path, name)
    const path = keeps || place.isDirectory ? into : place.path
    yield* this.#directories(posix.dirname(path))
    yield* packed(this.#o, item, (entry) =>
      excluded(operation, item, entry) ? undefined : this.#edited(entry, latin1(path)),
    )
  }

  async *file(file: { name: string; data: string }, place: Place): AsyncGenerator<Buffer> {
    const path = place.isDirectory ? posix.join(place.path, file.name) : place.path
    yield* this.#directories(posix.dirname(path))
    const data = Buffer.from(file.data)
    const mode = this.#change?.(0o644, false) ?? 0o644
    const owner = this.#target.owner ?? { uid: 0, gid: 0 }
    yield ownEntry({ name: nameOf(latin1(path)), type: '0', mode, mtime: now(), ...owner }, data)
  }

  #edited(entry: TarEntry, path: string, o: { keepOwner?: boolean } = {}): TarEntry {
    refuseWhiteout(this.#o.operation, path)
    const isDirectory = entry.type === '5'
    const owner = this.#target.owner ?? (o.keepOwner ? {} : ownerAsCopied(this.#o, entry))
    const changed = entry.type === '2' ? entry.mode : this.#change?.(entry.mode, isDirectory)
    const name = nameOf(path)
    return {
      ...entry,
      name: isDirectory ? `${name}/` : name,
      // A link's target is an entry of the same archive, at its place.
      linkname: entry.type === '1' ? linkOf(entry, path, o) : entry.linkname,
      mode: changed ?? entry.mode,
      ...owner,
    }
  }

  /** A new top directory is as the one that is copied into it. */
  async *#directories(path: string, like?: Item): AsyncGenerator<Buffer> {
    const missing: string[] = []
    for (let at = path; !this.#made.has(at); at = posix.dirname(at)) {
      this.#made.add(at)
      const stat = await this.#target.tree?.stat(at)
      if (stat?.type === 'directory') break
      if (stat)
        throw invalidParameter(
          `${this.#o.operation.instruction} failed: cannot copy to non-directory: ${at}`,
        )
      missing.unshift(at)
    }
    const owner = this.#target.owner ?? { uid: 0, gid: 0 }
    for (const directory of missing) {
      const isTop = like !== undefined && directory === path
      const mode = isTop ? await this.#modeOf(like) : 0o755
      const name = `${nameOf(latin1(directory))}/`
      yield ownEntry({ name, type: '5', mode, mtime: now(), ...owner })
    }
  }

  async #modeOf(item: Item): Promise<number> {
    const stat = await item.tree.stat(item.found.path)
    const mode = stat?.mode ?? 0o755
    return this.#change?.(mode, true) ?? mode
  }
}

/** Both names of a hard link had the same beginning before, and have the same one now. */
function linkOf(entry: TarEntry, path: string, { keepOwner }: { keepOwner?: boolean }): string {
  if (keepOwner) return nameOf(entry.linkname)
  const inner = entry.name.replace(/^\.?\/+|\/+$/g, '')
  const before = path.slice(0, path.length - inner.length)
  return nameOf(`${before}${entry.linkname.replace(/^\.?\/+/, '')}`)
}

/** In a layer such a name is a deletion. */
function refuseWhiteout({ instruction }: CopyOperation, path: string): void {
  if (!path.split('/').some((part) => part.startsWith('.wh.'))) return
  throw invalidParameter(
    `${instruction} failed: ${path}: names that begin with .wh. cannot be in an image's layer`,
  )
}

/** Entry names have no slash before them. */
function nameOf(path: string): string {
  return posix.resolve('/', path).slice(1)
}

function latin1(path: string): string {
  return Buffer.from(path).toString('latin1')
}

function now(): string {
  return String(Math.floor(Date.now() / 1000))
}

/** Errors of archives and trees, as a client is told. */
export function copyError(instruction: string, error: unknown): unknown {
  if (error instanceof BadTar) return invalidParameter(`${instruction} failed: ${error.message}`, error)
  if (!(error instanceof KernelError)) return error
  return system(`${instruction} failed: ${error.syscall} ${error.path ?? ''}: ${error.code}`, error)
}
