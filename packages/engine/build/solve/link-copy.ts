/**
 * `COPY --link`: the files are a layer of nothing, put on whatever image is below. So another base runs
 * no copy again, and links of the base are replaced, not followed.
 */
import { type EditEntry, TAR_END, rewriteTar } from '../copy/rewrite-tar.ts'
import { innerName } from '../copy/entry-filter.ts'
import type { CopyOperation, Operation } from '../graph/operation.ts'
import type { Build } from './build.ts'
import { silentStep } from './build-trace.ts'
import type { StepPlace } from './place.ts'
import { openImage } from './sources.ts'
import { type Tar, cached } from './through-cache.ts'

/** BuildKit links nothing whose modes it changes. */
export function isLinked({ link, chmod }: CopyOperation): boolean {
  return link && chmod === ''
}

/** `tar`: of the copy into nothing. Answers the image's id. */
export async function linkCopy(
  build: Build,
  operation: CopyOperation & Operation,
  at: StepPlace,
  content: readonly string[],
  tar: () => Promise<Tar>,
): Promise<string> {
  const key = { content: [...content] }
  let isCached = false
  const apart: StepPlace = {
    ...at,
    parentId: undefined,
    say: () => (isCached = true),
    traced: silentStep(),
  }
  // The image below is nothing to it: neither are its config and author.
  const alone = { ...operation, config: {}, author: '' }
  const layerId = await cached(build, alone, apart, key, tar)
  let isTold = false
  const say = (text: string): void => {
    isTold = true
    at.say(text)
  }
  const id = await cached(build, operation, { ...at, say }, key, async () => {
    if (isCached && !isTold) {
      say(' ---> Using cache\n')
      at.traced.cached()
    }
    return layerTar(build, layerId, at.signal)
  })
  return id
}

async function* layerTar(
  build: Build,
  id: string,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const isEmpty = build.images.get(id).lowers.length === 0
  using tree = isEmpty ? undefined : await openImage(build, id)
  const edit: EditEntry = (entry) => {
    const name = innerName(entry)
    const linkname = entry.type === '1' ? innerName({ name: entry.linkname }) : entry.linkname
    return name === ''
      ? undefined
      : { ...entry, name: entry.type === '5' ? `${name}/` : name, linkname }
  }
  if (tree) yield* rewriteTar(tree.pack('/', { name: undefined, signal }), edit)
  yield TAR_END
}
