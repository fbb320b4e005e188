/** An image of one layer from a tar of a root file system. */
import { Readable, Transform, pipeline } from 'node:stream'
import {
  type ImageConfig,
  type Platform,
  type Reference,
  chainIds,
  hostPlatform,
} from '@tdocker/oci'
import { system } from '../base/errors.ts'
import { type LayerMakerContext, unpackTar } from '../content/layer-maker.ts'
import type { Layer } from '../content/layer-store.ts'
import { throttleProgress } from '../content/throttle-progress.ts'
import { openRemote, remoteUrl } from '../registry/remote-file.ts'
import type { Transport } from '../registry/transport.ts'
import { applyChanges } from './changes.ts'
import type { ImportOptions } from './image-backend.ts'
import { imageEvent } from './image-events.ts'
import { type StoreImageContext, storeImage } from './image-store.ts'
import { parsePlatformText, parseRepoTag } from './parse.ts'

export type ImportContext = LayerMakerContext & StoreImageContext & { transport: Transport }

/** `POST /images/create?fromSrc=…`: tells the new image's id as its last progress message. */
export async function importImage(o: ImportContext, options: ImportOptions): Promise<void> {
  const reference = parseRepoTag(options.repo, options.tag)
  const platform = parsePlatformText(options.platform) ?? hostPlatform()
  const { body: given } = options
  if (given instanceof Readable) return importTar(o, options, { reference, platform, body: given })
  const { body } = await download(o, given.url, options)
  try {
    await importTar(o, options, { reference, platform, body })
  } finally {
    body.destroy()
  }
}

interface ImportedTar {
  reference: Reference | undefined
  platform: Platform
  body: AsyncIterable<Uint8Array>
}

async function importTar(
  o: ImportContext,
  options: ImportOptions,
  { reference, platform, body }: ImportedTar,
): Promise<void> {
  if (platform.os !== 'linux') throw system('operating system is not supported')
  const runtime = applyChanges({}, options.changes)
  const layer = await unpackLayer(o, body, options.signal)
  try {
    const id = await storeImage(o, {
      config: makeConfig({ platform, runtime, message: options.message, layer }),
      layers: [layer],
      references: reference ? [reference] : [],
      event: (made, config) => imageEvent('import', { actorId: made, name: made, config }),
    })
    options.progress({ status: id })
  } finally {
    o.layers.unpin(layer.key)
  }
}

/** Tells where it comes from, and how far it is. */
async function download(
  o: ImportContext,
  source: string,
  { signal, progress }: ImportOptions,
): Promise<{ body: Readable }> {
  const url = remoteUrl(source)
  const response = await openRemote(o.transport, url, signal)
  progress({ status: `Downloading from ${url.href}` })
  const total = Number(response.headers['content-length'] ?? -1)
  const tell = throttleProgress(({ current = 0 }) => {
    const counted = total > 0 ? { current, total } : { current }
    progress({ status: 'Importing', progressDetail: counted })
  })
  let current = 0
  const counter = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      current += chunk.length
      tell({ status: 'Importing', current, total })
      done(null, chunk)
    },
  })
  // Its failures come out of the counter.
  pipeline(response.body, counter, () => {})
  return { body: counter }
}

function makeConfig(o: {
  platform: Platform
  runtime: NonNullable<ImageConfig['config']>
  message: string
  layer: Layer
}): ImageConfig {
  const { os, architecture, variant } = o.platform
  const created = new Date().toISOString()
  return {
    architecture,
    os,
    ...(variant !== undefined && { variant }),
    created,
    ...(o.message !== '' && { comment: o.message }),
    config: o.runtime,
    rootfs: { type: 'layers', diff_ids: [o.layer.diffId] },
    history: [{ created, comment: o.message }],
  }
}

/** Unpacks a stream into a layer, which comes back pinned. */
async function unpackLayer(
  o: ImportContext,
  body: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): Promise<Layer> {
  await using tar = await unpackTar(o, body, signal)
  const { openLinks } = tar.extracted
  if (openLinks.length > 0) {
    const target = Buffer.from(openLinks[0]?.[1] ?? '', 'latin1').toString()
    throw system(`failed to register layer: hard link to missing ${target}`)
  }
  const [chainId = ''] = chainIds([tar.diffId])
  return await tar.place({ chainId, below: [] })
}
