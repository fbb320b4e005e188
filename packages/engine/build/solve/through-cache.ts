/** A step's result is an image: found in the cache, or made and recorded there. */
import { formatPlatform } from '@tdocker/oci'
import { type StepKeyParts, stepKey } from '../cache/step-cache.ts'
import type { Operation } from '../graph/operation.ts'
import type { Build } from './build.ts'
import type { StepPlace } from './place.ts'

export type Tar = AsyncIterable<Uint8Array>

/** For steps whose result is a tar, or nothing. */
export function cached(
  build: Build,
  operation: Operation,
  at: StepPlace,
  key: Pick<StepKeyParts, 'content'>,
  tar: () => Promise<Tar | undefined>,
): Promise<string> {
  return throughCache(build, operation, at, key, async (commit) => commit(await tar(), undefined))
}

export type Commit = (tar: Tar | undefined, containerId: string | undefined) => Promise<string>

export async function throughCache(
  build: Build,
  operation: Operation,
  at: StepPlace,
  { content }: Pick<StepKeyParts, 'content'>,
  make: (commit: Commit) => Promise<string>,
): Promise<string> {
  const { cache } = build
  const parentId = at.parentId ?? ''
  const key = stepKey({
    parentId,
    platform: formatPlatform(at.platform),
    operation: keyed(operation),
    content,
  })
  const find = async (): Promise<string | undefined> => {
    if (at.noCache) return undefined
    const found = cache.find(key)
    if (found === undefined || !build.hold(found)) return undefined
    at.say(' ---> Using cache\n')
    at.traced.cached()
    build.used(key)
    return found
  }
  const commit: Commit = async (tar, containerId) => {
    const id = await build.images.commit({
      parentId: at.parentId,
      platform: at.platform,
      config: operation.config,
      createdBy: operation.createdBy,
      containerId,
      author: operation.author,
      tar,
      signal: at.signal,
      statements: (imageId, size) => [
        cache.record({
          key,
          imageId,
          parentId,
          description: operation.createdBy.join(' '),
          kind: 'regular',
          size,
        }),
      ],
    })
    build.hold(id)
    return id
  }
  const found = await find()
  if (found !== undefined) return found
  const work = (): Promise<string> => build.steps.run(at.signal, () => make(commit))
  if (at.noCache) return work()
  return cache.once(key, at.signal, { find, make: work })
}

/** What is not told in history does not count either. */
function keyed(operation: Operation): unknown {
  if (operation.kind !== 'run') return operation
  const { hiddenEnv: _hidden, ...rest } = operation
  return rest
}

