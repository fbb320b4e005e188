/** COPY and ADD: files found and hashed, then packed into a layer. */
import { invalidParameter } from '../../base/errors.ts'
import {
  type CopyRequest,
  type CopySources,
  copyError,
  findCopySources,
  withRemotes,
} from '../copy/copy.ts'
import { copyTar } from '../copy/layer-writer.ts'
import type { Placed, RemoteTree } from '../copy/remote-source.ts'
import type { Tree } from '../copy/tree.ts'
import type { CopyOperation, Operation } from '../graph/operation.ts'
import type { Build } from './build.ts'
import type { StepPlace } from './place.ts'
import { isLinked, linkCopy } from './link-copy.ts'
import { resolveRemotes } from './remote-sources.ts'
import { openImage, openSource, requestOf } from './sources.ts'
import { type Tar, cached } from './through-cache.ts'

/** Answers the image's id. */
export async function copyOperation(
  build: Build,
  operation: CopyOperation & Operation,
  at: StepPlace,
): Promise<string> {
  const { local, remotes } = await resolveRemotes(build, operation, at.signal)
  using source = await openSource(build, local, at)
  using trees = new DisposableStack()
  const request = requestOf(build, local, at, source, remotes)
  try {
    const sources = await findCopySources(request)
    // By what they hold, and not by where that was fetched from.
    const said = named(local, sources.digest)
    const tar = async (parentId: string | undefined): Promise<Tar> => {
      const opened: Array<RemoteTree & Placed> = []
      for (const remote of remotes) {
        const each = await remote.open()
        trees.use(each.tree)
        opened.push({ ...each, place: remote.place })
      }
      return copyInto(build, request, await withRemotes(request, sources, opened), parentId)
    }
    const content = [sources.digest]
    return isLinked(local)
      ? await linkCopy(build, said, at, content, () => tar(undefined))
      : await cached(build, said, at, { content }, () => tar(at.parentId))
  } catch (error) {
    throw copyError(operation.instruction, error)
  }
}

/** As moby's history names a copy: by what was copied. */
function named(operation: CopyOperation & Operation, digest: string): CopyOperation & Operation {
  const { instruction, chown, destination } = operation
  const flag = chown === '' ? '' : `--chown=${chown} `
  const comment = `#(nop) ${instruction} ${flag}${digest} in ${destination} `
  return { ...operation, createdBy: [...operation.createdBy, comment] }
}

async function copyInto(
  build: Build,
  request: CopyRequest,
  sources: CopySources,
  parentId: string | undefined,
): Promise<Tar> {
  const tree = await openImage(build, parentId)
  return closing(tree, async () => {
    const owner = await ownerOf(build, request.operation, tree)
    return copyTar(request, sources, { tree, owner })
  })
}

/** The tar with its tree, which is let go at the end. */
async function* closing(
  tree: Tree | undefined,
  open: () => Promise<Tar>,
): AsyncGenerator<Uint8Array> {
  using _tree = tree
  yield* await open()
}

/** Names are the target's. A user without a group has its own, a number the same one. */
async function ownerOf(
  build: Build,
  { chown }: CopyOperation,
  tree: Tree | undefined,
): Promise<{ uid: number; gid: number } | undefined> {
  if (chown === '') return undefined
  const spec = /^\d+$/.test(chown) ? `${chown}:${chown}` : chown
  const numbers = /^(\d+):(\d+)$/.exec(spec)
  if (!tree) {
    if (numbers) return { uid: Number(numbers[1]), gid: Number(numbers[2]) }
    throw invalidParameter(
      `unable to convert uid/gid chown string to host mapping: can't find uid for user ${chown}`,
    )
  }
  try {
    return await build.resolveOwner({ root: tree.root, spec })
  } catch (error) {
    throw invalidParameter(
      `unable to convert uid/gid chown string to host mapping: ${(error as Error).message}`,
      error,
    )
  }
}
