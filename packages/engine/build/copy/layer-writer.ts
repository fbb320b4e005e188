/** COPY and ADD: what is copied becomes a layer's tar. */
import { posix } from 'node:path'
import { invalidParameter } from '../../base/errors.ts'
import type { CopyOperation } from '../graph/operation.ts'
import { toldAgain, unpackedArchive } from './archive.ts'
import {
  type CopyRequest,
  type CopySources,
  type Item,
  filterOf,
  ownerAsCopied,
  packing,
} from './copy.ts'
import { type EntryFilter, innerName } from './entry-filter.ts'
import { type FileMode, parseMode } from './file-mode.ts'
import {
  WrittenPaths,
  entryName,
  latin1,
  nameOf,
  now,
  refuseWhiteout,
  secondsOf,
  text,
} from './layer-entry.ts'
import { type EditEntry, TAR_END, ownEntry, rewriteTar } from './rewrite-tar.ts'
import { NO_ENTRY, type TarEntry } from './tar-entry.ts'
import { ArchivePlaces, TargetView } from './target-view.ts'
import type { Tree } from './tree.ts'

export interface CopyTarget {
  /** The image that is copied into; undefined: nothing is there. */
  tree: Tree | undefined
  /** `--chown`, looked up there; undefined keeps what the source says. */
  owner: { uid: number; gid: number } | undefined
}

/** Throws invalidParameter in moby's and BuildKit's words where it cannot be. */
export async function* copyTar(
  o: CopyRequest,
  sources: CopySources,
  target: CopyTarget,
): AsyncGenerator<Buffer> {
  const { operation } = o
  const count = sources.items.length + operation.files.length
  const place = await placeOf(operation, count, target.tree)
  const writer = new LayerWriter(o, target, parseMode(operation.chmod), count > 1)
  // Of what several bring the last one's stays: a layer that tells a path twice cannot be made again.
  for (const file of operation.files.toReversed()) yield* writer.file(file, place)
  for (const item of sources.items.toReversed()) yield* writer.item(item, place)
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
  readonly #owner: CopyTarget['owner']
  readonly #mode: FileMode | undefined
  readonly #view: TargetView
  /** Directories that are there or have been made. */
  readonly #made = new Set(['/'])
  readonly #written: WrittenPaths | undefined

  constructor(
    o: CopyRequest,
    { tree, owner }: CopyTarget,
    mode: FileMode | undefined,
    areSeveral: boolean,
  ) {
    this.#written = areSeveral ? new WrittenPaths() : undefined
    this.#o = o
    this.#owner = owner
    this.#mode = mode
    this.#view = new TargetView(tree)
  }

  item(item: Item, place: Place): AsyncGenerator<Buffer> {
    if (item.isArchive) return this.#archive(item, place)
    if (this.#o.operation.parents) return this.#withParents(item, place)
    return item.isDirectory ? this.#directory(item, place) : this.#file(item, place)
  }

  async *file(file: { name: string; data: string }, place: Place): AsyncGenerator<Buffer> {
    const path = place.isDirectory ? posix.join(place.path, file.name) : place.path
    yield* this.#directories(posix.dirname(path))
    await this.#refuseConflict(path, '0')
    if (this.#isTaken(latin1(path), '0')) return
    const mode = this.#mode?.of(0o644, false) ?? 0o644
    const entry = {
      name: nameOf(latin1(path)),
      type: '0',
      mode,
      mtime: now(),
      ...this.#ownerOfNew(),
    }
    yield ownEntry(entry, Buffer.from(file.data))
  }

  /** Unpacked, with nothing but `--chown` done to it. */
  async *#archive(item: Item, { path: top }: Place): AsyncGenerator<Buffer> {
    yield* this.#directories(top, { mode: 0o755 })
    const places = new ArchivePlaces(this.#view, latin1(top))
    const { formats, signal } = this.#o
    const archive = { tree: item.tree, path: item.found.path, prefix: top, formats, signal }
    const skips = await toldAgain(archive)
    let count = -1
    yield* unpackedArchive({
      ...archive,
      edit: async (entry) => {
        const path = await places.of(posix.resolve('/', entry.name))
        refuseWhiteout(this.#o.operation, path)
        if (skips.has(++count) || this.#isTaken(path, entry.type)) return undefined
        places.wrote(path, entry.type, entry.linkname)
        const isHard = entry.type === '1'
        const linkname = isHard ? nameOf(await places.of(entry.linkname)) : entry.linkname
        return { ...entry, name: entryName(path, entry.type), linkname, ...this.#owner }
      },
    })
  }

  /** A new top has the time of what is copied into it, and nothing else of it. */
  async *#directory(item: Item, { path: top }: Place): AsyncGenerator<Buffer> {
    const { found, tree } = item
    const mtimeNs = found.path === '/' ? undefined : (await tree.stat(found.path))?.mtimeNs
    yield* this.#directories(top, { isTop: true, mtimeNs })
    const filter = filterOf(this.#o.operation, item)
    yield* this.#packed(item, filter, (entry) => this.#placed(entry, filter, `${latin1(top)}/`))
  }

  async *#file(item: Item, place: Place): AsyncGenerator<Buffer> {
    const name = posix.basename(item.found.path)
    const path = place.isDirectory ? posix.join(place.path, name) : place.path
    yield* this.#directories(posix.dirname(path))
    await this.#refuseConflict(path, '0')
    if (this.#isTaken(latin1(path), '0')) return
    const edit: EditEntry = (entry) => this.#edited(entry, latin1(path), '')
    yield* rewriteTar(item.tree.pack(item.found.path, packing(this.#o, item)), edit)
  }

  /** The directories that are kept come from the source, once there is something in them. */
  async *#withParents(item: Item, place: Place): AsyncGenerator<Buffer> {
    const { found, isDirectory } = item
    yield* this.#directories(place.path)
    const filter = filterOf(this.#o.operation, item)
    const above = isDirectory ? found.kept : posix.dirname(found.kept)
    const prefix = posix.join(latin1(place.path), latin1(above), '/')
    let kept = await this.#keptDirectories(item, place, above === '.' ? '' : above)
    yield* this.#packed(item, filter, async (entry) => {
      const placed = await this.#placed(entry, filter, prefix)
      const all = placed && [...kept, ...placed]
      if (placed) kept = []
      return all
    })
  }

  async #keptDirectories(item: Item, place: Place, above: string): Promise<TarEntry[]> {
    const entries: TarEntry[] = []
    const pivot = item.found.path.slice(0, item.found.path.length - item.found.kept.length)
    const parts = above.split('/').filter(Boolean)
    for (let count = 1; count <= parts.length; count++) {
      const inner = parts.slice(0, count).join('/')
      const stat = await item.tree.stat(posix.join('/', pivot, inner))
      const { mode = 0o755, uid = 0, gid = 0, mtimeNs } = stat ?? {}
      const isCopied = item.isDirectory && count === parts.length && !item.found.include
      const path = posix.join(place.path, inner)
      if (this.#made.has(path)) continue
      this.#made.add(path)
      const owner = ownerAsCopied(this.#o, { uid, gid })
      const mtime = isCopied && mtimeNs !== undefined ? secondsOf(mtimeNs) : now()
      const entry = { ...NO_ENTRY, type: '5', mode, mtime, ...owner }
      entries.push(await this.#edited(entry, latin1(path), ''))
    }
    return entries
  }

  /** Entries, and behind them files whose first names were left out. */
  async *#packed(item: Item, filter: EntryFilter, edit: EditEntry): AsyncGenerator<Buffer> {
    yield* rewriteTar(item.tree.pack(item.found.path, packing(this.#o, item)), edit)
    for (const [linkname, [first, ...others]] of filter.orphans) {
      if (!first) continue
      const path = posix.join(item.found.path, text(innerName({ name: linkname })))
      const { signal } = this.#o
      const asFile: EditEntry = (entry) => edit({ ...entry, name: first.name })
      filter.orphans.delete(linkname)
      yield* rewriteTar(item.tree.pack(path, { name: posix.basename(path), signal }), asFile)
      for (const other of others) {
        const placed = await edit({ ...other, linkname: first.name, size: 0 })
        for (const each of (placed as TarEntry[] | undefined) ?? []) yield ownEntry(each)
      }
    }
  }

  /** undefined where it is left out; a directory's tar also tells the directory itself. */
  async #placed(
    entry: TarEntry,
    filter: EntryFilter,
    prefix: string,
  ): Promise<TarEntry[] | undefined> {
    const passed = filter.pass(entry)
    if (passed.length === 0) return undefined
    const placed: TarEntry[] = []
    for (const each of passed) {
      const inner = innerName(each)
      if (inner === '') continue
      const path = `${prefix}${inner}`
      if (this.#isTaken(path, each.type)) filter.drop(each)
      else placed.push(await this.#edited(each, path, prefix))
    }
    return placed.length > 0 || innerName(entry) === '' ? placed : undefined
  }

  /** `prefix`: what stands before the names of a directory's entries. */
  async #edited(entry: TarEntry, path: string, prefix: string): Promise<TarEntry> {
    refuseWhiteout(this.#o.operation, path)
    await this.#refuseConflict(text(posix.resolve('/', path)), entry.type)
    const changed = entry.type === '2' ? undefined : this.#mode?.of(entry.mode, entry.type === '5')
    return {
      ...entry,
      name: entryName(path, entry.type),
      // A hard link's target is an entry of the same archive, at its place.
      linkname:
        entry.type === '1'
          ? nameOf(`${prefix}${innerName({ name: entry.linkname })}`)
          : entry.linkname,
      mode: changed ?? entry.mode,
      ...(this.#owner ?? ownerAsCopied(this.#o, entry)),
    }
  }

  /** Whether another source, named later, has brought it. */
  #isTaken(path: string, type: string): boolean {
    const taken = this.#written?.take(nameOf(path), type)
    if (taken !== 'otherwise') return taken === 'same'
    const said = `/${text(nameOf(path))}`
    throw this.#failed(
      type === '5'
        ? `cannot replace to directory ${said} with file`
        : `cannot copy to non-directory: ${said}`,
    )
  }

  /** A directory takes no other's place, and gives its own to none. */
  async #refuseConflict(path: string, type: string): Promise<void> {
    const there = await this.#view.kind(path)
    if (there === undefined || (there === 'directory') === (type === '5')) return
    if (type === '5') throw this.#failed(`cannot copy to non-directory: ${path}`)
    if (there === 'directory') throw this.#failed(`cannot replace to directory ${path} with file`)
  }

  /** `isTop`: a directory is copied to that path itself. */
  async *#directories(
    path: string,
    o: { isTop?: boolean; mtimeNs?: bigint | undefined; mode?: number } = {},
  ): AsyncGenerator<Buffer> {
    const { isTop = false, mtimeNs, mode = this.#mode?.made ?? 0o755 } = o
    const missing: string[] = []
    for (let at = path; !this.#made.has(at); at = posix.dirname(at)) {
      this.#made.add(at)
      const kind = await this.#view.kind(at)
      if (kind === 'directory') break
      if (kind !== undefined && isTop && at === path)
        throw this.#failed(`cannot copy to non-directory: ${at}`)
      if (kind !== undefined) throw this.#failed(`mkdir ${at}: not a directory`)
      missing.unshift(at)
    }
    for (const directory of missing) {
      const hasTime = mtimeNs !== undefined && directory === path
      yield ownEntry({
        name: entryName(latin1(directory), '5'),
        type: '5',
        mode,
        mtime: hasTime ? secondsOf(mtimeNs) : now(),
        ...this.#ownerOfNew(),
      })
    }
  }

  #ownerOfNew(): { uid: number; gid: number } {
    return this.#owner ?? { uid: 0, gid: 0 }
  }

  #failed(reason: string): Error {
    return invalidParameter(`${this.#o.operation.instruction} failed: ${reason}`)
  }
}
