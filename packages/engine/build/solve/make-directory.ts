/** WORKDIR: a layer with the directories that are missing. */
import { posix } from 'node:path'
import { EngineError, invalidParameter } from '../../base/errors.ts'
import { TAR_END, ownEntry } from '../copy/rewrite-tar.ts'
import type { Tree } from '../copy/tree.ts'
import type { Build } from './build.ts'
import type { StepPlace } from './place.ts'
import { openImage } from './sources.ts'
import type { Tar } from './through-cache.ts'

/** undefined where nothing is missing. New directories are the user's, as BuildKit has it. */
export async function makeDirectory(
  build: Build,
  { path, user }: { path: string; user: string },
  at: StepPlace,
): Promise<Tar | undefined> {
  using tree = await openImage(build, at.parentId)
  const real = tree ? await tree.resolve(path) : path
  const missing: string[] = []
  for (let each = real; each !== '/'; each = posix.dirname(each)) {
    const stat = await tree?.stat(each)
    if (stat?.type === 'directory') break
    if (stat) throw invalidParameter(`Cannot mkdir: ${path} is not a directory`)
    missing.unshift(each)
  }
  if (missing.length === 0) return undefined
  const owner = await ownerOf(build, user, tree)
  const mtime = String(build.createdTime ?? Math.floor(Date.now() / 1000))
  const entries = missing.map((each) => {
    const name = `${Buffer.from(each).toString('latin1').slice(1)}/`
    return ownEntry({ name, type: '5', mode: 0o755, mtime, ...owner })
  })
  return once([...entries, TAR_END])
}

/** Who is not known there is root: the RUN that needs the user will say so. */
async function ownerOf(
  build: Build,
  user: string,
  tree: Tree | undefined,
): Promise<{ uid: number; gid: number }> {
  const root = { uid: 0, gid: 0 }
  if (user === '' || !tree) return root
  const spec = /^\d+$/.test(user) ? `${user}:${user}` : user
  try {
    const { uid, gid } = await build.resolveOwner({ root: tree.root, spec })
    return { uid, gid }
  } catch (error) {
    if (error instanceof EngineError) return root
    throw error
  }
}

async function* once(parts: readonly Buffer[]): AsyncGenerator<Buffer> {
  yield Buffer.concat(parts)
}
