/** `RUN --mount=type=cache`: directories that outlive the build, each with its row. */
import { createHash } from 'node:crypto'
import { chmod, chown, lstat, mkdir, rename } from 'node:fs/promises'
import { join, posix } from 'node:path'
import type { Mount } from '@tdocker/api'
import { invalidParameter } from '../../base/errors.ts'
import { KeyedLock } from '../../base/keyed-lock.ts'
import { sql } from '../../store/store.ts'
import { Tree } from '../copy/tree.ts'
import type { RunMount } from '../dockerfile/instruction.ts'
import type { MountContext, MountSources } from './run-mounts.ts'

export type CacheMount = Extract<RunMount, { type: 'cache' }>

/** Two steps that share a new cache fill it once. */
const filling = new KeyedLock()

/** Those of one step. */
export class CacheMounts {
  readonly #ctx: MountContext
  readonly #sources: MountSources
  /** Base to the key of the directory that the step has. */
  readonly held: Map<string, string> = new Map()
  readonly #bases = new Map<CacheMount, string>()

  constructor(ctx: MountContext, sources: MountSources) {
    this.#ctx = ctx
    this.#sources = sources
  }

  /** What names the cache: its id, and what it begins with. An id is a name and never a path. */
  async baseOf(mount: CacheMount): Promise<string> {
    const { id, from } = mount
    const name = `${this.#sources.cacheNamespace}${id}`
    const { mode = 0o755, uid = 0, gid = 0 } = startsEmpty(mount) ? mount : {}
    const identity: unknown[] = [name, mode, uid, gid]
    if (from !== '') identity.push(await this.#sources.digestOf(from, mount.source), isOwned(mount))
    const base = createHash('sha256').update(JSON.stringify(identity)).digest('hex')
    this.#bases.set(mount, base)
    return base
  }

  async mount(mount: CacheMount, target: string): Promise<Mount> {
    const { store, directory } = this.#ctx
    if (mount.from === '' && sourceOf(mount) !== '/')
      throw invalidParameter(
        `failed to compute cache key: ${JSON.stringify(sourceOf(mount))}: not found`,
      )
    const key = this.held.get(this.#bases.get(mount)!)!
    const now = Date.now()
    await store.write([
      sql`INSERT INTO build_mount (key, id, created_at, last_used_at, uses)
          VALUES (${key}, ${mount.id}, ${now}, ${now}, 1)
          ON CONFLICT (key) DO UPDATE SET last_used_at = excluded.last_used_at, uses = uses + 1`,
    ])
    await filling.run(key, () => this.#fill(mount, join(directory, key)))
    const Source = join(directory, key, 'data')
    return { Type: 'bind', Source, Target: target, ReadOnly: mount.readOnly }
  }

  /** Once: what has its name is whole. */
  async #fill(mount: CacheMount, directory: string): Promise<void> {
    const data = join(directory, 'data')
    if (await exists(data)) return
    const { native } = this.#ctx
    const fresh = join(directory, 'new')
    await native.removeTree(fresh)
    await mkdir(fresh, { recursive: true, mode: 0o700 })
    if (startsEmpty(mount)) {
      await chown(fresh, mount.uid ?? 0, mount.gid ?? 0)
      await chmod(fresh, mount.mode ?? 0o755)
    } else await this.#copy(mount, fresh)
    await rename(fresh, data)
  }

  async #copy(mount: CacheMount, fresh: string): Promise<void> {
    const { native } = this.#ctx
    const from = await this.#sources.sourceOf(mount.from)
    using tree =
      from.kind === 'image'
        ? await Tree.ofLayers(native, this.#sources.lowersOf(from.id))
        : Tree.ofDirectory(native, from.path)
    const path = await tree.resolve(sourceOf(mount))
    const stat = await tree.stat(path)
    if (stat?.type !== 'directory')
      throw invalidParameter(`RUN --mount=type=cache: ${sourceOf(mount)} is no directory`)
    const dest = native.openRoot(fresh)
    try {
      await native.copyTree({ root: tree.root, path, dest })
    } finally {
      native.closeFd(dest)
    }
  }
}

function sourceOf({ source }: CacheMount): string {
  return posix.resolve('/', source)
}

/** As in BuildKit, an owner or a mode of its own is that of a fresh directory. */
function startsEmpty(mount: CacheMount): boolean {
  return mount.from === '' || (sourceOf(mount) === '/' && isOwned(mount))
}

function isOwned({ mode, uid, gid }: CacheMount): boolean {
  return mode !== undefined || uid !== undefined || gid !== undefined
}

async function exists(path: string): Promise<boolean> {
  return (await lstat(path).catch(() => undefined)) !== undefined
}
