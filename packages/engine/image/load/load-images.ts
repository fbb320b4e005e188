/** `POST /images/load`: every image of an archive, each whole or not at all. */
import type { Platform } from '@tdocker/oci'
import { cancelled } from '../../base/errors.ts'
import type { LayerMakerContext } from '../../content/layer-maker.ts'
import { localError } from '../../content/unpack-error.ts'
import type { Store } from '../../store/store.ts'
import type { LoadOptions } from '../image-backend.ts'
import type { ImageRecords } from '../image-records.ts'
import type { StoreImageContext } from '../image-store.ts'
import { parsePlatformText } from '../parse.ts'
import { ArchiveContents } from './archive-contents.ts'
import { dockerImages } from './docker-archive.ts'
import { ImageLoader } from './image-loader.ts'
import { isLegacy, legacyImages } from './legacy-archive.ts'
import { manifestOfConfig, ociImages } from './oci-layout.ts'
import { system } from '../../base/errors.ts'

export type LoadContext = LayerMakerContext &
  StoreImageContext & { records: ImageRecords; store: Store }

/**
 * Reads the archive in one pass, layers being unpacked while they come by. Tells `Loaded image: …` for
 * every name. Throws moby's sentences; images before a bad one stay.
 */
export async function loadImages(o: LoadContext, options: LoadOptions): Promise<void> {
  const { body, signal } = options
  try {
    await load(o, options)
  } catch (error) {
    // Whoever still sends must get to read the answer.
    if ('resume' in body) body.resume()
    // What was placed for an image that did not come to be.
    await o.layers.sweep()
    if (signal.aborted) throw cancelled('context canceled', error)
    throw localError(error)
  }
}

async function load(
  o: LoadContext,
  { body, signal, progress, ...more }: LoadOptions,
): Promise<void> {
  const platforms = more.platforms.flatMap((text) => parsePlatformText(text) ?? [])
  const shown = more.quiet ? undefined : progress
  await using contents = await ArchiveContents.read(o, body, { signal, progress: shown })
  const loader = new ImageLoader(o, { contents, platforms, signal, progress })
  await loadAll(contents, loader, platforms)
  await loader.finish()
}

/** manifest.json counts where there is one, whatever else there is. */
async function loadAll(
  contents: ArchiveContents,
  loader: ImageLoader,
  platforms: readonly Platform[],
): Promise<void> {
  const list = contents.findDocument('manifest.json')
  const index = list ? undefined : contents.findDocument('index.json')
  if (list) {
    for (const image of dockerImages(contents, list)) {
      await loader.load(image, (id) => manifestOfConfig(contents, id))
    }
  } else if (index) {
    for (const image of ociImages(contents, index, platforms)) await loader.load(image)
  } else if (isLegacy(contents)) {
    for (const image of legacyImages(contents)) await loader.loadLegacy(image)
  } else {
    throw system('invalid archive: does not contain a manifest.json')
  }
}
