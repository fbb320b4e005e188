/** `RUN --mount`: what each is in the container. */
import { createHash } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join, posix } from 'node:path'
import type { Mount } from '@tdocker/api'
import type { Native } from '@tdocker/kernel/native.ts'
import { invalidParameter } from '../../base/errors.ts'
import type { Store } from '../../store/store.ts'
import type { RunMount } from '../dockerfile/instruction.ts'
import type { StepMount } from '../needs.ts'
import type { StepSource } from '../solve/place.ts'
import { bindMount } from './bind-mount.ts'
import { type CacheMount, CacheMounts } from './cache-mount.ts'
import type { HeldMount, MountPool } from './mount-pool.ts'
import type { RunOperation } from './run-step.ts'

export interface MountContext {
  native: Pick<
    Native,
    | 'closeFd'
    | 'copyTree'
    | 'openRoot'
    | 'overlayOpen'
    | 'pathOpen'
    | 'readFileIn'
    | 'removeTree'
    | 'resolveIn'
    | 'statIn'
    | 'tarPacker'
  >
  store: Store
  /** Of cache mounts: build-mounts/KEY. */
  directory: string
  /** Which of them are in use. */
  pool: MountPool
}

export interface MountSources {
  /** Where scripts and what is written to binds may lie. */
  scratch(): Promise<string>
  /** A stage, an image or a named context; empty: the build context. */
  sourceOf(from: string): Promise<StepSource>
  /** Directories of an image's unpacked layers. */
  lowersOf(imageId: string): readonly string[]
  /** Of the tree that a cache begins with. */
  digestOf(from: string, source: string): Promise<string>
  /** What keeps caches of the same id apart (`BUILDKIT_CACHE_MOUNT_NS`). */
  cacheNamespace: string
  workingDir: string
  signal: AbortSignal
}

/** The caches are held until it is disposed of. */
export interface PreparedMounts extends Disposable {
  mounts: Mount[]
  stepMounts: StepMount[]
}

type Prepared = { mount: Mount } | { stepMount: StepMount } | undefined

/** Throws invalidParameter for what cannot be served. */
export async function prepareMounts(
  ctx: MountContext,
  operation: RunOperation,
  sources: MountSources,
): Promise<PreparedMounts> {
  using held = new DisposableStack()
  const mounts: Mount[] = []
  const stepMounts: StepMount[] = []
  const caches = await holdCaches(ctx, operation, sources, held)
  for (const mount of operation.mounts) {
    const made = await prepare(ctx, mount, sources, caches)
    if (!made) continue
    if ('mount' in made) mounts.push(made.mount)
    else stepMounts.push(made.stepMount)
  }
  if (operation.script) mounts.push(await scriptMount(operation.script, sources))
  const kept = held.move()
  return { mounts, stepMounts, [Symbol.dispose]: () => kept.dispose() }
}

/**
 * All caches of a step, those named twice once. In the order of their names: two steps that lock
 * the same ones never wait for each other.
 */
async function holdCaches(
  ctx: MountContext,
  operation: RunOperation,
  sources: MountSources,
  held: DisposableStack,
): Promise<CacheMounts> {
  const caches = new CacheMounts(ctx, sources)
  const named: Array<{ base: string; mount: CacheMount }> = []
  for (const mount of operation.mounts)
    if (mount.type === 'cache') named.push({ base: await caches.baseOf(mount), mount })
  for (const { base, mount } of named.toSorted((a, b) => (a.base < b.base ? -1 : 1))) {
    if (caches.held.has(base)) continue
    const one: HeldMount = await ctx.pool.acquire(base, mount.sharing, sources.signal)
    held.use(one)
    caches.held.set(base, one.key)
  }
  return caches
}

async function prepare(
  ctx: MountContext,
  mount: RunMount,
  sources: MountSources,
  caches: CacheMounts,
): Promise<Prepared> {
  const target = targetOf(mount, sources)
  switch (mount.type) {
    case 'bind':
      return bindMount(ctx, mount, target, sources)
    case 'cache':
      return { mount: await caches.mount(mount, target) }
    case 'tmpfs': {
      const { readOnly, size = 0 } = mount
      return { stepMount: { kind: 'tmpfs', target, readOnly, size } }
    }
    case 'secret':
    case 'ssh':
      // Not part of the container's configuration: see private-mounts.ts.
      return undefined
  }
}

function targetOf({ type, target: said }: RunMount, { workingDir }: MountSources): string {
  const target = posix.resolve('/', workingDir, said)
  const isNothing = said === '' && (type === 'secret' || type === 'ssh')
  if (target === '/' && !isNothing) throw invalidParameter('invalid mount target "/"')
  return target
}

async function scriptMount(
  { name, data }: { name: string; data: string },
  sources: MountSources,
): Promise<Mount> {
  const digest = createHash('sha256').update(data).digest('hex')
  const path = join(await sources.scratch(), digest)
  await writeFile(path, data, { mode: 0o755 })
  return { Type: 'bind', Source: path, Target: `/dev/pipes/${name}`, ReadOnly: true }
}
