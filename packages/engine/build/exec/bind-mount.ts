/** `RUN --mount=type=bind`: a part of a stage, an image or a context; writes to it are thrown away. */
import { randomBytes } from 'node:crypto'
import { chmod, chown, mkdir } from 'node:fs/promises'
import { join, posix } from 'node:path'
import type { Mount } from '@tdocker/api'
import { invalidParameter } from '../../base/errors.ts'
import { Tree } from '../copy/tree.ts'
import type { RunMount } from '../dockerfile/instruction.ts'
import type { StepMount } from '../needs.ts'
import type { MountContext, MountSources } from './run-mounts.ts'

type BindMount = Extract<RunMount, { type: 'bind' }>

export async function bindMount(
  ctx: MountContext,
  mount: BindMount,
  target: string,
  sources: MountSources,
): Promise<{ mount: Mount } | { stepMount: StepMount }> {
  const from = await sources.sourceOf(mount.from)
  const lowers = from.kind === 'image' ? [...sources.lowersOf(from.id)] : [from.path]
  using tree =
    from.kind === 'image'
      ? await Tree.ofLayers(ctx.native, lowers)
      : Tree.ofDirectory(ctx.native, from.path)
  const path = await resolved(tree, posix.resolve('/', mount.source))
  const subpath = path.slice(1)
  if (!mount.readOnly) {
    const directory = await scratch(await sources.scratch(), tree)
    return { stepMount: { kind: 'overlay', target, lowers, subpath, directory } }
  }
  if (from.kind === 'image') {
    const inner = subpath === '' ? {} : { ImageOptions: { Subpath: subpath } }
    return { mount: { Type: 'image', Source: from.id, Target: target, ReadOnly: true, ...inner } }
  }
  // Nobody writes to it any more, so the path stays what it is.
  const Source = join(from.path, path)
  return { mount: { Type: 'bind', Source, Target: target, ReadOnly: true } }
}

/** Links followed within the tree. */
async function resolved(tree: Tree, source: string): Promise<string> {
  const stat = await tree.stat(source)
  if (!stat)
    throw invalidParameter(`failed to compute cache key: ${JSON.stringify(source)}: not found`)
  if (stat.type !== 'file' && stat.type !== 'directory')
    throw invalidParameter(`RUN --mount: ${source} is neither file nor directory`)
  return await tree.resolve(source)
}

/** Where an overlay's writes go. Its top shows through, so it looks like what it covers. */
async function scratch(parent: string, tree: Tree): Promise<string> {
  const directory = join(parent, `bind-${randomBytes(8).toString('hex')}`)
  const stat = await tree.stat('/')
  await mkdir(join(directory, 'upper'), { recursive: true, mode: 0o700 })
  await mkdir(join(directory, 'work'), { mode: 0o700 })
  if (stat) {
    await chown(join(directory, 'upper'), stat.uid, stat.gid)
    await chmod(join(directory, 'upper'), stat.mode)
  }
  return directory
}
