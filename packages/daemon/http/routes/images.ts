import { parseFilters } from '@tdocker/api/filters.ts'
import { InvalidRequest } from '@tdocker/api/invalid.ts'
import { flag, list, optionalText, text } from '@tdocker/api/query.ts'
import { decodeRegistryAuth, registryAuthHeader } from '@tdocker/api/registry-auth.ts'
import type { Filters, ImageBackend } from '../backend.ts'
import { imageInspectFor, imageSummaryFor } from '../compat/image.ts'
import type { Exchange } from '../exchange.ts'
import { platformQueries, platformQuery } from '../platform-query.ts'
import { ProgressStream } from '../progress.ts'
import type { Routes } from '../router.ts'

export function imageRoutes(images: ImageBackend): Routes {
  return {
    ImageList: async (x) => {
      const found = await images.list(listOptions(x))
      x.json(
        200,
        found.map((image) => imageSummaryFor(image, x.version)),
      )
    },
    ImageCreate: (x) => (text(x.query, 'fromImage') ? pull(x, images) : importImage(x, images)),
    ImagePush: (x) => push(x, images),
    ImageInspect: async (x) => {
      const found = await images.inspect(x.param('name'), inspectOptions(x))
      x.json(200, imageInspectFor(found, x.version))
    },
    ImageTag: async (x) => {
      const repo = text(x.query, 'repo')
      if (!repo) throw new InvalidRequest('invalid reference format')
      await images.tag(x.param('name'), { repo, tag: text(x.query, 'tag') })
      x.empty(201)
    },
    ImageDelete: async (x) => {
      const name = x.param('name')
      if (name.trim() === '') throw new InvalidRequest('image name cannot be blank')
      x.json(200, await images.remove(name, removeOptions(x)))
    },
    ImagePrune: {
      since: 'prune',
      handler: async (x) => {
        const filters = parseFilters(text(x.query, 'filters'), 'ImagePrune')
        x.json(200, await images.prune({ filters }))
      },
    },
  }
}

function listOptions(x: Exchange): Parameters<ImageBackend['list']>[0] {
  const manifests = x.since('imageManifests') && flag(x.query, 'manifests')
  if (x.since('imageIdentity') && flag(x.query, 'identity') && !manifests)
    throw new InvalidRequest('conflicting options: identity requires manifests=1')
  return {
    all: flag(x.query, 'all'),
    filters: listFilters(x),
    sharedSize: x.since('sharedSize') && flag(x.query, 'shared-size'),
    digests: flag(x.query, 'digests'),
    ...(manifests && { manifests }),
    version: x.version,
  }
}

function removeOptions(x: Exchange): Parameters<ImageBackend['remove']>[1] {
  const platforms = x.since('imageDeletePlatforms') ? platformQueries(x.query, 'platforms') : []
  return {
    force: flag(x.query, 'force'),
    noprune: flag(x.query, 'noprune'),
    ...(platforms.length > 0 && { platforms }),
  }
}

function listFilters(x: Exchange): Filters {
  const filters = parseFilters(text(x.query, 'filters'), 'ImageList')
  const legacy = text(x.query, 'filter')
  if (x.since('imageReferenceFilter') || !legacy || filters.has('reference')) return filters
  return new Map([...filters, ['reference', [legacy]]])
}

function inspectOptions(x: Exchange): Parameters<ImageBackend['inspect']>[1] {
  const manifests = x.since('descriptor') && flag(x.query, 'manifests')
  const platform = x.since('imageInspectPlatform') ? platformQuery(x.query, 'platform') : undefined
  if (manifests && platform !== undefined) {
    throw new InvalidRequest(
      'conflicting options: manifests and platform options cannot both be set',
    )
  }
  return { version: x.version, ...(manifests && { manifests }), ...(platform && { platform }) }
}

async function pull(x: Exchange, images: ImageBackend): Promise<void> {
  const tag = optionalText(x.query, 'tag')
  const platform = x.since('pullPlatform') ? optionalText(x.query, 'platform') : undefined
  const auth = decodeRegistryAuth(x.header(registryAuthHeader))
  await new ProgressStream(x).run((progress) =>
    images.pull({
      // `pull -a` of old clients sends a trailing colon.
      reference: text(x.query, 'fromImage').replace(/:$/, ''),
      ...(tag && { tag }),
      ...(platform && { platform }),
      ...(auth && { auth }),
      signal: x.signal,
      progress,
    }),
  )
}

async function push(x: Exchange, images: ImageBackend): Promise<void> {
  // Older clients send what older daemons ignored.
  const platform = x.since('pushPlatform') ? platformQuery(x.query, 'platform') : undefined
  const auth = decodeRegistryAuth(x.header(registryAuthHeader))
  await new ProgressStream(x).run((progress) =>
    images.push({
      name: x.param('name'),
      tag: text(x.query, 'tag'),
      ...(platform && { platform }),
      ...(auth && { auth }),
      signal: x.signal,
      progress,
    }),
  )
}

async function importImage(x: Exchange, images: ImageBackend): Promise<void> {
  const source = text(x.query, 'fromSrc')
  const platform = x.since('pullPlatform') ? optionalText(x.query, 'platform') : undefined
  await new ProgressStream(x).run((progress) =>
    images.import({
      body: source === '-' ? x.stream : { url: source },
      repo: text(x.query, 'repo'),
      tag: text(x.query, 'tag'),
      message: text(x.query, 'message') || `Imported from ${source}`,
      changes: [...list(x.query, 'changes')],
      ...(platform && { platform }),
      signal: x.signal,
      progress,
    }),
  )
}
