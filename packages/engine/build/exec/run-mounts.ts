/** `RUN --mount`: what each is in the container, and what of it counts for the cache. */
import { createHash } from 'node:crypto'
import { chmod, chown, mkdir, writeFile } from 'node:fs/promises'
import { join, posix } from 'node:path'
import type { Mount } from '@tdocker/api'
import type { Native } from '@tdocker/kernel/native.ts'
import { KeyedLock } from '../../base/keyed-lock.ts'
import { invalidParameter } from '../../base/errors.ts'
import { type Store, sql } from '../../store/store.ts'
import type { RunMount } from '../dockerfile/instruction.ts'
import type { StepSource } from '../solve/place.ts'
import type { RunOperation } from './run-step.ts'

export interface MountContext {
  native: Pick<Native, 'closeFd' | 'openRoot' | 'resolveIn' | 'statIn'>
  store: Store
  /** Of cache mounts: build-mounts/KEY. */
  directory: string
  /** Held by a step that asked for a cache of its own. */
  locks: KeyedLock
}

export interface MountSources {
  /** Where scripts may be written. */
  scratchDirectory: string
  /** A stage, an image or a named context; empty: the build context. */
  sourceOf(from: string): Promise<StepSource>
  workingDir: string
}

export interface PreparedMounts {
  mounts: Mount[]
  /** Cache mounts that nobody else may use meanwhile. */
  locked: string[]
}

/** Throws invalidParameter for what cannot be served. */
export async function prepareMounts(
  ctx: MountContext,
  operation: RunOperation,
  sources: MountSources,
): Promise<PreparedMounts> {
  const prepared: PreparedMounts = { mounts: [], locked: [] }
  for (const mount of operation.mounts) {
    const made = await prepare(ctx, mount, sources)
    if (!made) continue
    prepared.mounts.push(made.mount)
    if (made.lock !== undefined) prepared.locked.push(made.lock)
  }
  if (operation.script) prepared.mounts.push(await scriptMount(operation.script, sources))
  return prepared
}

async function prepare(
  ctx: MountContext,
  mount: RunMount,
  sources: MountSources,
): Promise<{ mount: Mount; lock?: string } | undefined> {
  const target = posix.resolve('/', sources.workingDir, mount.target)
  switch (mount.type) {
    case 'bind':
      return { mount: await bindMount(ctx, mount, target, sources) }
    case 'cache':
      return cacheMount(ctx, mount, target)
    case 'tmpfs': {
      const size = mount.size === undefined ? {} : { TmpfsOptions: { SizeBytes: mount.size } }
      return { mount: { Type: 'tmpfs', Target: target, ...size } }
    }
    case 'secret':
    case 'ssh':
      // Clients give neither to this endpoint.
      if (!mount.required) return undefined
      throw invalidParameter(
        mount.type === 'secret'
          ? `secret ${mount.id}: not found: this build was given no secrets`
          : `unset ssh forward key ${mount.id}: this build was given no agent`,
      )
  }
}

/** Read-only, also where writes would be thrown away. */
async function bindMount(
  ctx: MountContext,
  mount: Extract<RunMount, { type: 'bind' }>,
  target: string,
  sources: MountSources,
): Promise<Mount> {
  if (!mount.readOnly)
    throw invalidParameter('RUN --mount=type=bind: rw is not supported yet, the mount is read-only')
  const source = posix.resolve('/', mount.source)
  const from = await sources.sourceOf(mount.from)
  if (from.kind === 'image') {
    const inner = source === '/' ? {} : { ImageOptions: { Subpath: source.slice(1) } }
    return { Type: 'image', Source: from.id, Target: target, ReadOnly: true, ...inner }
  }
  const path = await withinDirectory(ctx, from.path, source)
  return { Type: 'bind', Source: path, Target: target, ReadOnly: true }
}

/** Links followed within the directory. Nobody writes to it any more, so the path stays what it is. */
async function withinDirectory(
  ctx: MountContext,
  directory: string,
  source: string,
): Promise<string> {
  const root = ctx.native.openRoot(directory)
  try {
    const stat = await ctx.native.statIn({ root, path: source, follow: true })
    if (!stat)
      throw invalidParameter(`failed to compute cache key: ${JSON.stringify(source)}: not found`)
    if (stat.type !== 'file' && stat.type !== 'directory')
      throw invalidParameter(`RUN --mount: ${source} is neither file nor directory`)
    const inner = await ctx.native.resolveIn({ root, path: source })
    return join(directory, posix.resolve('/', inner))
  } finally {
    ctx.native.closeFd(root)
  }
}

async function cacheMount(
  ctx: MountContext,
  mount: Extract<RunMount, { type: 'cache' }>,
  target: string,
): Promise<{ mount: Mount; lock?: string }> {
  if (mount.from !== '' || (mount.source !== '' && mount.source !== '/'))
    throw invalidParameter('RUN --mount=type=cache: from and source are not supported yet')
  const id = mount.id || target
  const { mode = 0o755, uid = 0, gid = 0 } = mount
  // An id is a name and never a path.
  const key = createHash('sha256')
    .update(JSON.stringify([id, mode, uid, gid]))
    .digest('hex')
  const now = Date.now()
  await ctx.store.write([
    sql`INSERT INTO build_mount (key, id, created_at, last_used_at, uses)
        VALUES (${key}, ${id}, ${now}, ${now}, 1)
        ON CONFLICT (key) DO UPDATE SET last_used_at = excluded.last_used_at, uses = uses + 1`,
  ])
  const path = join(ctx.directory, key, 'data')
  await makeOwned(path, { mode, uid, gid })
  const made: Mount = { Type: 'bind', Source: path, Target: target, ReadOnly: mount.readOnly }
  // A private one waits as a locked one does: it is never seen by two at once.
  return mount.sharing === 'shared' ? { mount: made } : { mount: made, lock: key }
}

async function makeOwned(
  path: string,
  o: { mode: number; uid: number; gid: number },
): Promise<void> {
  const first = await mkdir(path, { recursive: true, mode: 0o700 })
  if (first === undefined) return
  await chown(path, o.uid, o.gid)
  await chmod(path, o.mode)
}

async function scriptMount(
  { name, data }: { name: string; data: string },
  { scratchDirectory }: MountSources,
): Promise<Mount> {
  const digest = createHash('sha256').update(data).digest('hex')
  const path = join(scratchDirectory, digest)
  await mkdir(scratchDirectory, { recursive: true, mode: 0o700 })
  await writeFile(path, data, { mode: 0o755 })
  return { Type: 'bind', Source: path, Target: `/dev/pipes/${name}`, ReadOnly: true }
}
