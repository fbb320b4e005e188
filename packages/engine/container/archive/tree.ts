/**
 * A container's tree for one archive verb. While it runs, its own root: processes see what is copied
 * and what they mount is seen. Else its overlay, mounted for this verb alone, with its volumes.
 */
import { randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { KernelError } from '@tdocker/kernel/native.ts'
import type { Container } from '../container.ts'
import { type Context, rollback } from '../context.ts'
import { noSuchContainer } from '../messages.ts'
import { type ContainerDirs, containerDirs } from '../paths.ts'
import type { ResolvedMount } from '../plan/plan-input.ts'
import { FdScope } from '../start/fd-scope.ts'
import { resolveMounts } from '../start/mount-sources.ts'

/** Everything below goes through `fd`; `release` when the last walk in it is over. */
export interface Tree {
  readonly fd: number
  release(): void
}

type Live = NonNullable<Container['live']>

/** With volumes, binds and whatever else is mounted; for reading. */
export async function openTree(ctx: Context, c: Container): Promise<Tree> {
  return openEither(
    ctx,
    c,
    async () => ctx.native.openRoot(`/proc/${c.pid}/root`),
    () => assembleReadonly(ctx, c),
  )
}

/** The root file system alone; for reading. */
export async function openRootfs(ctx: Context, c: Container): Promise<Tree> {
  return openEither(
    ctx,
    c,
    async () => {
      const mntnsFd = ctx.native.nsOpen(c.pid, 'mnt')
      try {
        return await ctx.native.mountClone({ mntnsFd, path: '/' })
      } finally {
        ctx.native.closeFd(mntnsFd)
      }
    },
    () => openReadonly(ctx, c),
  )
}

/** For writing. Aborted by `signal` when the container is to be started or removed meanwhile. */
export async function openWritable(
  ctx: Context,
  c: Container,
): Promise<Tree & { signal: AbortSignal }> {
  for (;;) {
    const live = liveOf(c)
    if (live) {
      const root = await tryLive(ctx, c, live, async () =>
        ctx.native.openRoot(`/proc/${c.pid}/root`),
      )
      if (root === undefined) continue
      const writer = ctx.treeWriters.enterLive(c.id)
      const release = (): void => {
        ctx.native.closeFd(root)
        writer.leave()
      }
      return { fd: root, signal: writer.signal, release }
    }
    const writer = await ctx.locks.run(c.id, async () =>
      isLive(ctx, c)
        ? undefined
        : ctx.treeWriters.enterMounted(c.id, () => assembleWritable(ctx, c), ctx.native.closeFd),
    )
    if (writer) return { fd: writer.fd, signal: writer.signal, release: writer.leave }
  }
}

async function openEither(
  ctx: Context,
  c: Container,
  running: () => Promise<number>,
  stopped: () => Promise<number>,
): Promise<Tree> {
  for (;;) {
    const live = liveOf(c)
    const fd = live
      ? await tryLive(ctx, c, live, running)
      : await ctx.locks.run(c.id, async () => (isLive(ctx, c) ? undefined : stopped()))
    if (fd !== undefined) return { fd, release: () => ctx.native.closeFd(fd) }
  }
}

/** Under the lock. Throws notFound for one that was removed while its lock was waited for. */
function isLive(ctx: Context, c: Container): boolean {
  if (!ctx.registry.has(c)) throw noSuchContainer(c.id)
  return liveOf(c) !== undefined
}

function liveOf(c: Container): Live | undefined {
  const { live } = c
  if (!live || c.pid === 0 || live.pidfd === undefined) return undefined
  return live
}

/** undefined when the process ended meanwhile; its end is handled then. */
async function tryLive(
  ctx: Context,
  c: Container,
  live: Live,
  open: () => Promise<number>,
): Promise<number | undefined> {
  let fd: number | undefined
  try {
    fd = await open()
    // The pid was still this process's when its root was opened.
    if (c.live === live && live.pidfd !== undefined) {
      ctx.native.pidfdSendSignal(live.pidfd, 0)
      return fd
    }
  } catch (error) {
    if (!(error instanceof KernelError) || !GONE.has(error.code)) throw error
  }
  if (fd !== undefined) ctx.native.closeFd(fd)
  await live.ended
  return undefined
}

const GONE: ReadonlySet<string> = new Set(['ENOENT', 'ESRCH', 'EBADF'])

// ---- of a container that does not run; under its lock ----

async function lowersOf(ctx: Context, c: Container): Promise<readonly string[]> {
  c.lowers ??= (await ctx.images.resolve(c.imageId)).lowers
  return c.lowers
}

/** Its upper directory as one more lower: nothing is mounted writable that a start mounts, too. */
async function openReadonly(ctx: Context, c: Container): Promise<number> {
  const { diff } = dirsOf(ctx, c)
  const lowers = await lowersOf(ctx, c)
  return ctx.native.overlayOpen({ lowers: existsSync(diff) ? [diff, ...lowers] : lowers })
}

async function assembleReadonly(ctx: Context, c: Container): Promise<number> {
  const first = await assemble(ctx, c, await openReadonly(ctx, c), { readonly: true })
  if (first.missing.length === 0) return first.fd
  // Before the first start nobody has made the mount points yet.
  ctx.native.closeFd(first.fd)
  ctx.native.closeFd(await assembleWritable(ctx, c))
  return (await assemble(ctx, c, await openReadonly(ctx, c), { readonly: true })).fd
}

async function assembleWritable(ctx: Context, c: Container): Promise<number> {
  const { diff, work } = dirsOf(ctx, c)
  const base = await ctx.native.overlayOpen({
    lowers: await lowersOf(ctx, c),
    upper: diff,
    work,
  })
  return (await assemble(ctx, c, base, { create: true })).fd
}

/** Takes `base`. Volumes are mounted until the tree is put together, which then has its own. */
async function assemble(
  ctx: Context,
  c: Container,
  base: number,
  o: { readonly?: boolean; create?: boolean },
): Promise<{ fd: number; missing: string[] }> {
  let kept = false
  try {
    await using scope = rollback(ctx, c.id)
    using fds = new FdScope((fd) => ctx.native.closeFd(fd))
    const user = `look-${randomUUID()}`
    const { mounts } = await resolveMounts(ctx, c, { user, fds, scope })
    const binds = bindsOf(ctx, c, mounts)
    kept = binds.length === 0
    return kept ? { fd: base, missing: [] } : await ctx.native.treeAssemble({ base, ...o, binds })
  } finally {
    if (!kept) ctx.native.closeFd(base)
  }
}

type Bind = Parameters<Context['native']['treeAssemble']>[0]['binds'][number]

/** Outer mounts first. A tmpfs is empty while nothing runs. */
function bindsOf(ctx: Context, c: Container, resolved: readonly ResolvedMount[]): Bind[] {
  const mounts = resolved.flatMap(({ source, target, readonly, recursive }) => {
    if (!source) return []
    const from = 'path' in source ? { source: source.path } : { fd: source.fd }
    return [{ ...from, target, readonly, recursive: recursive ?? true }]
  })
  const own = new Set(mounts.map(({ target }) => target))
  const { hosts, hostname, resolvConf } = dirsOf(ctx, c)
  const files = [
    { source: hosts, target: '/etc/hosts' },
    { source: hostname, target: '/etc/hostname' },
    { source: resolvConf, target: '/etc/resolv.conf' },
  ].filter(({ source, target }) => !own.has(target) && existsSync(source))
  return [
    ...files.map((file) => ({ ...file, readonly: false, recursive: false })),
    ...mounts,
  ].toSorted((a, b) => a.target.split('/').length - b.target.split('/').length)
}

function dirsOf(ctx: Context, c: Container): ContainerDirs {
  return containerDirs(ctx.config.dataRoot, ctx.config.execRoot, c.id)
}
