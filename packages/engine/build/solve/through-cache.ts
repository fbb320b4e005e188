/** A step's result is an image: found in the cache, or made and recorded there. */
import { formatPlatform } from '@tdocker/oci'
import { INLINE_RECORD, inlineRecord, recordOf } from '../cache/inline-record.ts'
import { type StepKeyParts, stepDigest, stepKey } from '../cache/step-cache.ts'
import type { Operation } from '../graph/operation.ts'
import type { StepRoom } from '../needs.ts'
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

export type Commit = (
  tar: Tar | undefined,
  containerId: string | undefined,
  room?: StepRoom,
) => Promise<string>

export async function throughCache(
  build: Build,
  operation: Operation,
  at: StepPlace,
  { content }: Pick<StepKeyParts, 'content'>,
  make: (commit: Commit) => Promise<string>,
): Promise<string> {
  const { cache } = build
  const parentId = at.parentId ?? ''
  const did = { platform: formatPlatform(at.platform), operation: keyed(operation), content }
  const key = stepKey({ parentId, ...did })
  const digest = stepDigest(did)
  const find = async (): Promise<string | undefined> => {
    if (at.noCache) return undefined
    const here = cache.find(key)
    // It was there a moment ago, in the same turn: that need not be asked again.
    if (here !== undefined) build.keep(here)
    const found = here ?? (await findNamed(build, operation, at, digest))
    if (found === undefined) return undefined
    at.say(' ---> Using cache\n')
    at.traced.cached()
    if (here !== undefined) build.used(key)
    return found
  }
  const commit: Commit = async (tar, containerId, room) => {
    const id = await build.images.commit({
      parentId: at.parentId,
      platform: at.platform,
      config: operation.config,
      createdBy: operation.createdBy,
      containerId,
      author: operation.author,
      tar,
      room,
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
  const work = (): Promise<string> => build.steps.run(at.signal, () => make(commit))
  const id =
    (await find()) ??
    (await (at.noCache ? work() : cache.once(key, at.signal, { find, make: work })))
  build.did.set(id, { parentId: at.parentId, digest })
  return id
}

/**
 * In the images that `--cache-from` names. What is found there makes no row: it is taken from them only
 * as long as they are named.
 */
async function findNamed(
  build: Build,
  operation: Operation,
  at: StepPlace,
  digest: string,
): Promise<string | undefined> {
  const { images, cacheSources } = build
  const { parentId, platform } = at
  const parent = parentId === undefined ? undefined : images.get(parentId).config
  const found = await cacheSources.find({ parent, platform, operation, digest }, at.say)
  if (!found) return undefined
  const { imageId: sourceId, index } = found
  const id = await images.restore({ parentId, sourceId, index, config: operation.config })
  return build.hold(id) ? id : undefined
}

/** An image that tells of its steps, for `--cache-from` elsewhere: those of this build, and its base's. */
export async function withInlineRecord(build: Build, id: string): Promise<string> {
  const { images, did } = build
  const digests = new Map<number, string>()
  let at: string | undefined = id
  while (at !== undefined) {
    const step = did.get(at)
    if (!step) break
    digests.set((images.get(at).config.history?.length ?? 0) - 1, step.digest)
    at = step.parentId
  }
  const below = at === undefined ? [] : inlineRecord(images.get(at).config)
  const value = recordOf(new Map([...below, ...digests]))
  const told = recordOf(inlineRecord(images.get(id).config))
  if (JSON.stringify(value) === JSON.stringify(told)) return id
  const annotated = await images.annotate(id, { [INLINE_RECORD]: value })
  build.hold(annotated)
  return annotated
}

/** What is not told in history does not count either. */
function keyed(operation: Operation): unknown {
  if (operation.kind !== 'run') return operation
  const { hiddenEnv: _hidden, ...rest } = operation
  return rest
}
