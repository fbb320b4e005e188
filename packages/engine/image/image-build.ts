/** Images as builds need them: the base, one image for every step, names at the end. */
import type { AuthConfig } from '@tdocker/api'
import {
  type ImageConfig,
  type Reference,
  chainIds,
  familiarName,
  familiarString,
  parseReference,
  withDefaultTag,
} from '@tdocker/oci'
import { RollbackScope } from '../base/scope.ts'
import { invalidParameter, isKind, notFound, system } from '../base/errors.ts'
import type { BuildImage, BuildImages, BuildTag, StepCommit } from '../build/needs.ts'
import type { LayerCompressor } from '../content/layer-compressor.ts'
import { type LayerMakerContext, LayerRoom, unpackTar } from '../content/layer-maker.ts'
import type { Layer, WriteLayer } from '../content/layer-store.ts'
import type { Statement } from '../store/store.ts'
import type { KeyedLock } from '../base/keyed-lock.ts'
import { imageEvent } from './image-events.ts'
import type { LoadOptions, PullOptions, PushOptions } from './image-backend.ts'
import type { ImageLookup } from './image-lookup.ts'
import { IMAGES_LOCK } from './image-pull.ts'
import { annotate, restoreStep } from './image-restore.ts'
import { type ImageRecords, setTag } from './image-records.ts'
import { stampImage } from './image-stamp.ts'
import { type StoreImageContext, storeImage } from './image-store.ts'
import type { ImageUse } from './image-use.ts'
import { parsePlatformText, parseRepoTag } from './parse.ts'
import { archiveImage } from './save/save-images.ts'

export interface BuildContext extends LayerMakerContext, StoreImageContext {
  records: ImageRecords
  lookup: ImageLookup
  lock: KeyedLock
  use: ImageUse
  compressor: Pick<LayerCompressor, 'compress'>
}

/** As moby's. */
const MAX_LAYERS = 125
/** Of no entry at all: 1024 zeros. */
const EMPTY_SIZE = 1024
const EMPTY_TAR = 'sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef'

export function buildImages(
  o: BuildContext,
  transfers: {
    pull(options: PullOptions): Promise<void>
    push(options: PushOptions): Promise<void>
    load(options: LoadOptions): Promise<void>
  },
): BuildImages {
  const references = new WeakMap<BuildTag, Reference>()
  return {
    find: (reference, platform) => {
      try {
        return found(o, o.lookup.get(reference, parsePlatformText(platform)).id)
      } catch (error) {
        if (isKind(error, 'notFound')) return undefined
        throw error
      }
    },
    isHere: (id) => o.records.find(id) !== undefined,
    get: (id) => found(o, id),
    pull: ({ reference, platform, auths, signal, progress }) => {
      const name = parseReference(reference)
      const auth = authOf(name, auths)
      return transfers.pull({
        reference: familiarString(name.digest === undefined ? withDefaultTag(name) : name),
        ...(platform && { platform }),
        ...(auth && { auth }),
        signal,
        progress,
      })
    },
    room: () => new LayerRoom(o),
    commit: (step) => commitStep(o, step),
    restore: (step) => restoreStep(o, step),
    annotate: (id, fields) => annotate(o, id, fields),
    stamp: (stamp) => stampImage(o, stamp),
    archive: ({ id, tags, ociOnly, annotations, gzip, signal, done }) =>
      archiveImage(o, {
        id,
        references: tags.map((tag) => references.get(tag)!),
        layout: { ociOnly, annotations },
        gzip: gzip ? (layer) => compressedForm(o, layer, signal) : undefined,
        done,
      }),
    push: async ({ tag, auths, signal, progress }) => {
      const reference = references.get(tag)!
      const auth = authOf(reference, auths)
      let pushed = { digest: '', size: 0 }
      await transfers.push({
        name: familiarName(reference),
        tag: reference.tag ?? '',
        ...(auth && { auth }),
        signal,
        progress: (message) => {
          const { Digest, Size } = (message.aux ?? {}) as { Digest?: string; Size?: number }
          if (Digest !== undefined) pushed = { digest: Digest, size: Size ?? 0 }
          else progress(message)
        },
      })
      return pushed
    },
    load: async ({ body, platform, signal }) => {
      const ids: string[] = []
      const progress = ({ stream = '' }: { stream?: string }): void => {
        const id = /^Loaded image ID: (sha256:[0-9a-f]{64})/.exec(stream)?.[1]
        if (id !== undefined) ids.push(id)
      }
      const platforms = platform === '' ? [] : [platform]
      await transfers.load({ body, platforms, quiet: true, signal, progress })
      return ids
    },
    parseTags: (tags) =>
      tags.filter(Boolean).map((text) => {
        const reference = parseTag(text)
        const tag = { name: familiarString(reference) }
        references.set(tag, reference)
        return tag
      }),
    tag: (id, tag) => {
      const reference = references.get(tag)!
      const config = o.records.config(id)
      return o.lock.run(IMAGES_LOCK, () =>
        o.events.commit(
          [setTag(reference, id)],
          [imageEvent('tag', { actorId: id, name: familiarString(reference), config })],
        ),
      )
    },
    workspace: async () => {
      const scope = new RollbackScope(o.onError)
      try {
        const { diff } = await o.layers.createWorkspace('', scope)
        return { directory: diff, [Symbol.asyncDispose]: () => scope[Symbol.asyncDispose]() }
      } catch (error) {
        await scope[Symbol.asyncDispose]()
        throw error
      }
    },
  }
}

function found(o: BuildContext, id: string): BuildImage {
  const record = o.records.find(id, { removed: true })
  if (!record) throw notFound(`No such image: ${id}`)
  o.use.touch(id)
  const keys = o.records.layers(id).map((layer) => layer.key)
  return { id, config: o.records.config(id), lowers: o.layers.lowers(keys) }
}

async function compressedForm(
  o: BuildContext,
  layer: { key: string; diffId: string },
  signal: AbortSignal,
): Promise<{ digest: string; size: number }> {
  const { digest, size } = await o.compressor.compress(layer, { signal, progress: () => {} })
  return { digest, size }
}

function parseTag(text: string): Reference {
  try {
    return parseRepoTag(text, '')!
  } catch (error) {
    const digested = (error as Error).message.includes('digest reference')
    if (digested) throw invalidParameter('build tag cannot contain a digest', error)
    throw invalidParameter(`invalid reference format`, error)
  }
}

const HUB = 'https://index.docker.io/v1/'

function authOf(
  { domain }: Reference,
  auths: Readonly<Record<string, AuthConfig>>,
): AuthConfig | undefined {
  return auths[domain === 'docker.io' ? HUB : domain] ?? auths[domain]
}

async function commitStep(o: BuildContext, step: StepCommit): Promise<string> {
  const pinned: Layer[] = []
  try {
    const below = step.parentId === undefined ? [] : pinLayers(o, step.parentId)
    pinned.push(...below)
    const store = (added: Layer | undefined, before: readonly Statement[]): Promise<string> =>
      storeImage(o, {
        config: configOf(o, step, added),
        layers: added ? [...below, added] : below,
        references: [],
        ...(step.parentId !== undefined && { parentId: step.parentId }),
        created: true,
        before,
        statements: (id) => step.statements(id, added?.size ?? 0),
      })
    let id: string | undefined
    // A new layer and its image are one transaction.
    const write: WriteLayer = async (rows, layer) => void (id = await store(layer, rows))
    const added = step.tar && (await makeLayer(o, step, below, write))
    if (added) pinned.push(added)
    return id ?? (await store(added, []))
  } finally {
    for (const { key } of pinned) o.layers.unpin(key)
  }
}

/** Bottom first. */
function pinLayers(o: BuildContext, parentId: string): Layer[] {
  const ids = o.records.config(parentId).rootfs.diff_ids
  const layers = o.records.layers(parentId)
  for (const { key } of layers) o.layers.pin(key)
  return layers.map((layer, position) => ({ ...layer, diffId: ids[position] ?? '' }))
}

/** A command that changes no file needs no room for a layer. */
async function unlessEmpty(
  tar: AsyncIterable<Uint8Array>,
): Promise<AsyncIterable<Uint8Array> | undefined> {
  const parts = tar[Symbol.asyncIterator]()
  const first = await parts.next()
  if (first.done || (first.value.length === EMPTY_SIZE && first.value.every((byte) => byte === 0)))
    return void (await parts.return?.())
  return (async function* () {
    try {
      yield first.value
      for (let next = await parts.next(); !next.done; next = await parts.next()) yield next.value
    } finally {
      await parts.return?.()
    }
  })()
}

/** Pinned; undefined when there is nothing in it. */
async function makeLayer(
  o: BuildContext,
  step: StepCommit,
  below: readonly Layer[],
  write: WriteLayer,
): Promise<Layer | undefined> {
  if (below.length >= MAX_LAYERS) throw system('max depth exceeded')
  const whole = await unlessEmpty(step.tar!)
  if (!whole) return undefined
  await using tar = await unpackTar(o, whole, step.signal, roomOf(step))
  if (tar.diffId === EMPTY_TAR) return undefined
  const chain = chainIds([...below.map((layer) => layer.diffId), tar.diffId])
  const [chainId = ''] = chain.slice(-1)
  return await tar.place({ chainId, below: below.toReversed(), write })
}

function roomOf({ room }: StepCommit): LayerRoom | undefined {
  return room instanceof LayerRoom ? room : undefined
}

/** Keys in order of name, as Docker writes them. */
function configOf(o: BuildContext, step: StepCommit, added: Layer | undefined): ImageConfig {
  const parent = step.parentId === undefined ? undefined : o.records.config(step.parentId)
  const { author, platform } = step
  const { os, architecture, variant = '' } = parent ?? platform
  const created = new Date().toISOString()
  const history = {
    created,
    created_by: step.createdBy.join(' '),
    ...(author !== '' && { author }),
    ...(!added && { empty_layer: true }),
  }
  return {
    architecture,
    ...(author !== '' && { author }),
    config: step.config,
    ...(step.containerId !== undefined && { container: step.containerId }),
    container_config: { ...step.config, Cmd: [...step.createdBy] },
    created,
    history: [...(parent?.history ?? []), history],
    os,
    ...(parent?.['os.version'] !== undefined && { 'os.version': parent['os.version'] }),
    rootfs: {
      type: 'layers',
      diff_ids: [...(parent?.rootfs.diff_ids ?? []), ...(added ? [added.diffId] : [])],
    },
    ...(variant !== '' && { variant }),
  }
}
