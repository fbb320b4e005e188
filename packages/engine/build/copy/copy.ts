/** COPY and ADD: what is copied, found and hashed; the trees are read by descriptors. */
import { createHash } from 'node:crypto'
import { posix } from 'node:path'
import { KernelError } from '@tdocker/kernel/native.ts'
import { invalidParameter, system } from '../../base/errors.ts'
import type { CopyOperation } from '../graph/operation.ts'
import { type ArchiveFormats, isArchive } from './archive.ts'
import { EntriesDigest } from './content-digest.ts'
import { EntryFilter } from './entry-filter.ts'
import type { Placed, RemoteSource, RemoteTree } from './remote-source.ts'
import type { PackOptions, SourceTree } from './source-tree.ts'
import { type Found, findSources, findWithParents } from './sources.ts'
import { BadTar, type TarEntry } from './tar-entry.ts'

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
export interface Item {
  /** Among the sources: the n-th of the context has 2n + 1, those from elsewhere even numbers. */
  place: number
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
  const { operation, source: tree } = o
  const items: Item[] = []
  for (const [place, source] of tree ? operation.sources.entries() : []) {
    const find = operation.parents ? findWithParents : findSources
    for (const found of await find(tree!, source)) {
      const item = await lookUp(o, tree!, found, source, 2 * place + 1)
      if (item) items.push(item)
    }
  }
  const found: Array<{ place: number; digest: string }> = [...o.remotes]
  for (const item of items) found.push({ place: item.place, digest: await digestOf(o, item) })
  const digests = inOrder(found).map(({ digest }) => digest)
  for (const { name, data } of operation.files)
    digests.push(`file:${createHash('sha256').update(`${name}\0${data}`).digest('hex')}`)
  const [only = ''] = digests
  const all = createHash('sha256').update(digests.join(',')).digest('hex')
  return { items, digest: digests.length === 1 ? only : `multi:${all}` }
}

/** With what is elsewhere, now that it is here. */
export async function withRemotes(
  o: CopyRequest,
  sources: CopySources,
  remotes: ReadonlyArray<RemoteTree & Placed>,
): Promise<CopySources> {
  const items = [...sources.items]
  for (const { place, tree, path } of remotes) {
    const found = { path, kept: '', include: undefined, optional: false }
    items.push((await lookUp(o, tree, found, path, place))!)
  }
  return { ...sources, items: inOrder(items) }
}

/** Of the instruction, so that the last of one name stays. */
function inOrder<T extends { place: number }>(all: readonly T[]): T[] {
  return all.toSorted((a, b) => a.place - b.place)
}

/** undefined where nothing is there and nothing need be. */
async function lookUp(
  o: CopyRequest,
  tree: SourceTree,
  found: Found,
  said: string,
  place: number,
): Promise<Item | undefined> {
  const { operation } = o
  const stat = await tree.stat(found.path)
  if (!stat) {
    if (found.optional) return undefined
    const where =
      operation.from === '' ? 'file not found in build context or excluded by .dockerignore: ' : ''
    throw invalidParameter(
      `${operation.instruction} failed: ${where}stat ${said.replace(/^\.?\//, '')}: file does not exist`,
    )
  }
  const isDirectory = stat.type === 'directory'
  const mayUnpack = operation.unpack ?? (operation.instruction === 'ADD' && tree === o.source)
  using pinned = mayUnpack && stat.type === 'file' ? await tree.open(found.path) : undefined
  const archive = pinned !== undefined && (await isArchive(pinned.fd, o.formats))
  const mode = isDirectory && found.path !== '/' ? stat.mode : 0
  return { place, tree, found, isDirectory, mode, isArchive: archive }
}

async function digestOf(o: CopyRequest, item: Item): Promise<string> {
  const { found, isDirectory, mode } = item
  const kind = isDirectory ? 'dir' : 'file'
  const { from, exclude } = o.operation
  const asked = JSON.stringify([found, kind, mode, from === '', exclude])
  const known = item.tree.digests?.get(asked)
  if (known !== undefined) return known
  const kept = found.kept === '' ? [] : [found.kept]
  const digest = new EntriesDigest(
    JSON.stringify([posix.basename(found.path), kind, mode, ...kept]),
  )
  const filter = filterOf(o.operation, item)
  const contents = new Map<string, string>()
  const add = (entry: TarEntry, content: string): void =>
    digest.add({ entry: { ...entry, ...ownerAsCopied(o, entry) }, digest: content })
  for await (const { entry, digest: content } of item.tree.entries(found.path, packing(o, item))) {
    const passed = filter.pass(entry)
    for (const each of passed) add(each, each === entry ? content : '')
    if (passed.length === 0 && entry.type === '0') contents.set(entry.name, content)
  }
  for (const [name, entries] of filter.orphans)
    for (const entry of entries) add(entry, contents.get(name) ?? '')
  const whole = `${kind}:${digest.hex()}`
  item.tree.digests?.set(asked, whole)
  return whole
}

/** A single file is left out by nothing. */
export function filterOf(
  { parents, exclude }: CopyOperation,
  { found, isDirectory }: Item,
): EntryFilter {
  const patterns = parents || isDirectory ? exclude : []
  const prefix = isDirectory ? found.kept : posix.dirname(found.kept)
  return new EntryFilter({ include: found.include, exclude: patterns, prefix })
}

/** A directory's entries stand alone; a file has its own name. */
export function packing({ signal }: CopyRequest, { found, isDirectory }: Item): PackOptions {
  return { name: isDirectory ? undefined : posix.basename(found.path), signal }
}

/** Files of the build context are root's, whoever packed them. */
export function ownerAsCopied(
  o: CopyRequest,
  { uid, gid }: { uid: number; gid: number },
): { uid: number; gid: number } {
  return o.operation.from === '' ? { uid: 0, gid: 0 } : { uid, gid }
}

/** Errors of archives and trees, as a client is told. */
export function copyError(instruction: string, error: unknown): unknown {
  if (error instanceof BadTar)
    return invalidParameter(`${instruction} failed: ${error.message}`, error)
  if (!(error instanceof KernelError)) return error
  return system(`${instruction} failed: ${error.syscall} ${error.path ?? ''}: ${error.code}`, error)
}
