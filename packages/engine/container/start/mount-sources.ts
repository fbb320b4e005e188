import { mkdirSync, statSync } from 'node:fs'
import type { Mount } from '@tdocker/api'
import { errnoText } from '../../base/errno.ts'
import { system } from '../../base/errors.ts'
import type { RollbackScope } from '../../base/scope.ts'
import type { Container } from '../container.ts'
import type { Context } from '../context.ts'
import { idmapOf, type IdMaps } from '../create/idmap.ts'
import { type MountRecord, targetOf } from '../create/mount-record.ts'
import type { ResolvedMount } from '../plan/plan-input.ts'
import type { FdScope } from './fd-scope.ts'
import { openImageMount } from './image-mount.ts'
import { mountTable, type MountTable, propagationProblem } from './propagation.ts'

export interface ResolvedMounts {
  mounts: ResolvedMount[]
  /** Descriptors that keep volumes mounted, in the order of their names; not the caller's. */
  keepers: number[]
}

export interface MountScope {
  /** Who uses the volumes: the container, or who looks into one. */
  user: string
  /** Of the container's process, for a start; without, mounts are made to look at them only. */
  ids?: { uid: number; gid: number }
  fds: FdScope
  scope: RollbackScope
}

/**
 * The mounts of a start: binds are looked at now, as the host may have changed since create, and
 * volumes are mounted. What is made is undone with the scopes.
 */
export async function resolveMounts(
  ctx: Context,
  c: Container,
  o: MountScope,
): Promise<ResolvedMounts> {
  const { mounts: records } = c.detail
  const named = new Map<string, number>()
  const volumes = volumesOf(records)
  if (volumes.length > 0)
    o.scope.undo('unmount volumes', () => ctx.volumes.unmount(o.user, volumes))
  const mounts: ResolvedMount[] = []
  const table = lazily(mountTable)
  for (const record of records) {
    if (targetOf(record) === '/') throw system(onTheRoot(record))
    const found = await sourceOf(ctx, record, o, named)
    mounts.push(o.ids ? withIds(record, propagated(record, found, table), o.ids) : found)
  }
  const keepers = [...named].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, keeper]) => keeper)
  return { mounts, keepers }
}

/** runc's words; a `VOLUME /` is not refused before. */
function onTheRoot({ source }: MountRecord): string {
  return `failed to create task for container: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: error during container init: error mounting ${JSON.stringify(source)} to rootfs at "/": create mountpoint for / mount: mountpoint "/" is on the top of rootfs "/"`
}

export function volumesOf(records: readonly MountRecord[]): string[] {
  return records.filter(({ type }) => type === 'volume').map(({ name }) => name)
}

async function sourceOf(
  ctx: Context,
  record: MountRecord,
  o: MountScope,
  keepers: Map<string, number>,
): Promise<ResolvedMount> {
  const common = {
    target: targetOf(record),
    readonly: !record.readWrite,
    recursive: record.recursive,
    recursiveReadonly: record.recursiveReadonly,
    propagation: record.propagation,
  }
  switch (record.type) {
    case 'tmpfs':
      return {
        ...common,
        type: 'tmpfs',
        directory: true,
        ...(record.tmpfs ? { tmpfs: tmpfs(record.tmpfs) } : {}),
        ...(record.hides && { hides: true }),
      }
    case 'volume': {
      const { name, subpath = '' } = record
      const tree = await ctx.volumes.mount({ name, subpath, user: o.user })
      if ('fd' in tree.source) o.fds.add(tree.source.fd)
      if (tree.keeper !== undefined) keepers.set(name, tree.keeper)
      return { ...common, type: 'volume', directory: tree.directory, source: tree.source }
    }
    case 'image': {
      const { fd, directory } = await openImageMount(ctx, record)
      o.fds.add(fd)
      return { ...common, type: 'bind', directory, source: { fd } }
    }
    case 'bind':
      return {
        ...common,
        type: 'bind',
        directory: bindIsDirectory(record),
        source: { path: record.source },
      }
  }
}

/** Throws system, in moby's words, where mounts could not go the way that was asked for. */
function propagated(
  record: MountRecord,
  mount: ResolvedMount,
  table: () => MountTable,
): ResolvedMount {
  const { source, propagation } = mount
  const moves = /^r?(shared|slave)$/.test(propagation)
  if (!moves || source === undefined || !('path' in source)) return mount
  const problem = propagationProblem(table(), source.path, propagation)
  if (problem === undefined) return mount
  if (record.yieldingPropagation) return { ...mount, propagation: 'rprivate' }
  throw system(problem)
}

function withIds(
  record: MountRecord,
  mount: ResolvedMount,
  user: { uid: number; gid: number },
): ResolvedMount {
  if (record.idmap === undefined || mount.source === undefined) return mount
  return { ...mount, idmap: idmap(record.idmap, mount.source, user) }
}

function idmap(
  text: string,
  source: NonNullable<ResolvedMount['source']>,
  user: { uid: number; gid: number },
): IdMaps {
  const path = 'path' in source ? source.path : `/proc/self/fd/${source.fd}`
  return idmapOf(text, { owner: statSync(path), user })
}

/** moby's, who finds them at the start only (daemon/volumes_unix.go: setupMounts). */
export function refuseConflicts({ Type, ReadOnly, BindOptions }: Mount): void {
  if (Type !== 'bind' || !BindOptions) return
  const { ReadOnlyNonRecursive: top, ReadOnlyForceRecursive: forced } = BindOptions
  const conflict =
    (!ReadOnly && top && '!ReadOnly && BindOptions.ReadOnlyNonRecursive') ||
    (!ReadOnly && forced && '!ReadOnly && BindOptions.ReadOnlyForceRecursive') ||
    (top && forced && 'ReadOnlyNonRecursive && BindOptions.ReadOnlyForceRecursive')
  if (conflict) throw system(`mount options conflict: ${conflict}`)
}

/** `-v` makes a missing source a directory; `--mount` does not. */
function bindIsDirectory(record: MountRecord): boolean {
  const found = statSync(record.source, { throwIfNoEntry: false })
  if (found) return found.isDirectory()
  if (!record.createSource)
    throw system(
      `failed to create task for container: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: error during container init: error mounting ${JSON.stringify(record.source)} to rootfs at ${JSON.stringify(record.destination)}: stat ${record.source}: no such file or directory`,
    )
  try {
    mkdirSync(record.source, { recursive: true, mode: 0o755 })
  } catch (error) {
    throw system(
      `error while creating mount source path '${record.source}': mkdir ${record.source}: ${reasonOf(error)}`,
      error,
    )
  }
  return true
}

function tmpfs(options: NonNullable<MountRecord['tmpfs']>): NonNullable<ResolvedMount['tmpfs']> {
  return {
    ...(options.SizeBytes ? { sizeBytes: options.SizeBytes } : {}),
    ...(options.Mode ? { mode: options.Mode } : {}),
    ...(options.Options ? { options: options.Options } : {}),
  }
}

/** `not a directory`, without Node's code and call around it. */
function reasonOf(error: unknown): string {
  const { errno, message } = error as NodeJS.ErrnoException
  return errno === undefined ? message : errnoText(-errno)
}

function lazily<T>(make: () => T): () => T {
  let made: { value: T } | undefined
  return () => (made ??= { value: make() }).value
}
