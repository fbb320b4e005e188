/** The finished image with times that do not depend on when it was built. */
import type { ImageConfig } from '@tdocker/oci'
import { stepKey } from '../cache/step-cache.ts'
import { TAR_END, rewriteTar } from '../copy/rewrite-tar.ts'
import type { TarEntry } from '../copy/tar-entry.ts'
import type { Build } from '../solve/build.ts'
import { epochText } from './epoch.ts'
import type { Stamp } from './plan-outputs.ts'

export interface Solved {
  id: string
  /** What the target's first stage began with; undefined for scratch. */
  baseId: string | undefined
}

/**
 * Steps stay as they are, so that another epoch finds all of them in the cache; what was made of the
 * same image for the same epoch is found there, too. Answers the image's id.
 */
export async function stampedImage(
  build: Build,
  { id, baseId }: Solved,
  stamp: Stamp | undefined,
): Promise<string> {
  if (!stamp || id === baseId) return id
  const { cache, images } = build
  const { signal } = build.options
  const key = stepKey({
    parentId: id,
    platform: '',
    operation: { kind: 'stamp', ...stamp, baseId },
    content: [],
  })
  const find = async (): Promise<string | undefined> => {
    const found = cache.find(key)
    if (found === undefined || !build.hold(found)) return undefined
    build.used(key)
    return found
  }
  const make = async (): Promise<string> => {
    const made = await images.stamp({
      id,
      baseId,
      layer: stamp.rewrite ? (tar) => clampedTar(tar, stamp.epoch) : undefined,
      config: (config, base, diffIds) => stampedConfig(config, base, { ...stamp, diffIds }),
      signal,
      statements: (imageId) => [
        cache.record({
          key,
          imageId,
          parentId: id,
          description: `times no later than ${epochText(stamp.epoch)}`,
          kind: 'regular',
          size: 0,
        }),
      ],
    })
    build.hold(made)
    return made
  }
  return (await find()) ?? (await cache.once(key, signal, { find, make }))
}

async function* clampedTar(
  pieces: AsyncIterable<Uint8Array>,
  epoch: number,
): AsyncGenerator<Uint8Array> {
  yield* rewriteTar(pieces, (entry) => clampedEntry(entry, epoch))
  yield Buffer.from(TAR_END)
}

function clampedEntry(entry: TarEntry, epoch: number): TarEntry {
  return Number(entry.mtime) > epoch ? { ...entry, mtime: String(epoch) } : entry
}

/** Nothing is left of the containers that it was made by; the base image's history is its own. */
export function stampedConfig(
  config: ImageConfig,
  base: ImageConfig | undefined,
  { epoch, diffIds }: { epoch: number; diffIds: string[] },
): ImageConfig {
  const { container: _container, container_config: _said, ...kept } = config
  const clamp = (time: string | undefined): string =>
    time !== undefined && Date.parse(time) <= epoch * 1000 ? time : epochText(epoch)
  const own = base?.history?.length ?? 0
  return {
    ...kept,
    created: clamp(config.created),
    history: (config.history ?? []).map((step, at) =>
      at < own ? step : { ...step, created: clamp(step.created) },
    ),
    rootfs: { ...config.rootfs, diff_ids: diffIds },
  }
}
