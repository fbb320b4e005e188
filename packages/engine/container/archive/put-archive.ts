import { KernelError, type TarUnpacker } from '@tdocker/kernel/native.ts'
import type { PutArchiveOptions } from '../../backend-types.ts'
import { EngineError, invalidParameter, system } from '../../base/errors.ts'
import type { Container } from '../container.ts'
import type { Context } from '../context.ts'
import { targetOf } from '../create/mount-record.ts'
import { containerEvent } from '../events.ts'
import { quote } from '../messages.ts'
import { resolveUser } from '../plan/user.ts'
import { lookupError, reason } from './errors.ts'
import { feed } from './feed.ts'
import { absolutePath } from './path-stat.ts'
import { openWritable } from './tree.ts'

/** `PUT /containers/{id}/archive`: unpacks into a directory that is there. */
export async function putArchive(
  ctx: Context,
  reference: string,
  o: PutArchiveOptions,
): Promise<void> {
  const c = ctx.registry.get(reference)
  await c.reconciled
  const tree = await openWritable(ctx, c)
  try {
    const dest = await openDestination(ctx, c, tree.fd, o.path, reference)
    try {
      const owner = o.copyUidGid ? await ownerOf(ctx, c, tree.fd) : {}
      const unpacker = ctx.native.tarUnpacker({
        fd: dest,
        keepKind: o.noOverwriteDirNonDir,
        ...owner,
      })
      await unpack(ctx, unpacker, o, tree.signal)
    } finally {
      ctx.native.closeFd(dest)
    }
  } finally {
    tree.release()
  }
  await ctx.events.commit([], [containerEvent(c, 'extract-to-dir')])
}

async function openDestination(
  ctx: Context,
  c: Container,
  root: number,
  path: string,
  reference: string,
): Promise<number> {
  try {
    const pinned = await ctx.native.pathOpen({ root, path: absolutePath(path), follow: true })
    try {
      if (pinned.stat.type !== 'directory')
        throw invalidParameter('extraction point is not a directory')
      checkWritable(c, await ctx.native.resolveIn({ root, path: absolutePath(path) }))
    } catch (error) {
      ctx.native.closeFd(pinned.fd)
      throw error
    }
    return pinned.fd
  } catch (error) {
    throw lookupError(error, path, reference)
  }
}

/** For a good sentence only: what is read-only is mounted so. */
function checkWritable(c: Container, path: string): void {
  const [mount] = c.detail.mounts
    .map((record) => ({ record, target: targetOf(record) }))
    .filter(({ target }) => path === target || path.startsWith(`${target}/`))
    .toSorted((a, b) => b.target.length - a.target.length)
    .map(({ record }) => record)
  if (mount?.readWrite) return
  if (mount) throw invalidParameter('mounted volume is marked read-only')
  if (c.hostConfig.ReadonlyRootfs) throw invalidParameter('container rootfs is marked read-only')
}

/** The container's user, who then owns what is unpacked; looked up in its tree. */
async function ownerOf(
  ctx: Context,
  c: Container,
  root: number,
): Promise<{ uid?: number; gid?: number }> {
  const spec = c.config.User ?? ''
  if (spec === '') return {}
  try {
    const { uid, gid } = await resolveUser({ native: ctx.native, root, spec })
    return { uid, gid }
  } catch (error) {
    const name = spec.split(':')[0] ?? ''
    throw invalidParameter(
      `failed to look up user ${quote(name)} in container: no matching entries in passwd file`,
      error,
    )
  }
}

async function unpack(
  ctx: Context,
  unpacker: TarUnpacker,
  o: PutArchiveOptions,
  signal: AbortSignal,
): Promise<void> {
  try {
    await feed(ctx, unpacker, o.body, signal)
    await unpacker.end()
  } catch (error) {
    await unpacker.abort()
    throw unpackError(error, o.path)
  }
}

function unpackError(error: unknown, dest: string): unknown {
  if (error instanceof EngineError) return error
  if (!(error instanceof KernelError)) return system((error as Error).message, error)
  const path = error.path ?? ''
  if (error.syscall === 'overwrite')
    return system(
      error.code === 'EISDIR'
        ? `cannot overwrite directory ${quote(path)} with non-directory ${quote(dest)}`
        : `cannot overwrite non-directory ${quote(path)} with directory ${quote(dest)}`,
      error,
    )
  if (error.code === 'EXDEV') return system(`invalid entry name ${quote(path)}`, error)
  if (error.syscall === 'recv') return system('unexpected EOF', error)
  if (error.code === 'EBADMSG')
    return system(
      path.startsWith('unexpected end') ? 'unexpected EOF' : 'archive/tar: invalid tar header',
      error,
    )
  return system(`${error.syscall} ${path}: ${reason(error)}`, error)
}
