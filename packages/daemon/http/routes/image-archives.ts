import { InvalidRequest } from '@tdocker/api/invalid.ts'
import { flagOr, list } from '@tdocker/api/query.ts'
import type { ImageBackend } from '../backend.ts'
import type { Exchange } from '../exchange.ts'
import { decodePlatform } from '../platform-query.ts'
import { ProgressStream } from '../progress.ts'
import type { Routes } from '../router.ts'
import { sendArchive } from '../send-archive.ts'

/** Images as archives: save and load. */
export function imageArchiveRoutes(images: ImageBackend): Routes {
  return {
    ImageGet: (x) => save(x, images, [x.param('name')]),
    ImageGetAll: (x) => save(x, images, list(x.query, 'names')),
    ImageLoad: async (x) => {
      const platforms = platformsOf(x)
      const quiet = flagOr(x.query, 'quiet', true)
      const body = (await x.bulk?.body()) ?? x.stream
      const { signal } = x
      await new ProgressStream(x, { errorsInBand: true }).run((progress) =>
        images.load({ body, platforms, quiet, signal, progress }),
      )
    },
  }
}

async function save(x: Exchange, images: ImageBackend, names: readonly string[]): Promise<void> {
  const archive = await images.save({ names, platforms: platformsOf(x), signal: x.signal })
  await sendArchive(x, archive, 'application/x-tar')
}

function platformsOf(x: Exchange): string[] {
  if (!x.since('archivePlatform')) return []
  const given = list(x.query, 'platform')
  if (given.length > 1 && !x.since('archivePlatforms')) {
    throw new InvalidRequest(
      'multiple platform parameters are not supported in this API version; use API version 1.52 or later',
    )
  }
  return given.map(decodePlatform)
}
