/** The trees that a step reads. */
import type { CopyRequest } from '../copy/copy.ts'
import type { SourceTree } from '../copy/source-tree.ts'
import { Tree } from '../copy/tree.ts'
import type { CopyOperation } from '../graph/operation.ts'
import type { Build } from './build.ts'
import type { StepPlace } from './place.ts'

/** undefined for scratch. The caller disposes of it. */
export async function openImage(build: Build, id: string | undefined): Promise<Tree | undefined> {
  if (id === undefined) return undefined
  return Tree.ofLayers(build.native, build.images.get(id).lowers)
}

/** The tree of the sources. The caller disposes of it. */
export async function openSource(
  build: Build,
  operation: CopyOperation,
  at: StepPlace,
): Promise<SourceTree | undefined> {
  if (operation.sources.length === 0) return undefined
  const { files } = build.context
  if (operation.from === '' && files && (await files.covers(operation))) return files
  const source = await at.sourceOf(operation.from)
  if (source.kind === 'directory') {
    const listed = await build.session?.listed(build.native, source.path)
    if (listed && (await listed.covers(operation))) return listed
    return Tree.ofDirectory(build.native, source.path)
  }
  return openImage(build, source.id)
}

export function requestOf(
  build: Build,
  operation: CopyOperation,
  at: StepPlace,
  source: SourceTree | undefined,
  remotes: CopyRequest['remotes'] = [],
): CopyRequest {
  const { signal } = at
  const formats = (format: 'xz' | 'bzip2') => build.native.decompressor(format)
  return { operation, source, remotes, formats, signal }
}
