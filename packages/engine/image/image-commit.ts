/** An image of another one and a layer that a container has made. */
import type { ContainerConfig } from '@tdocker/api'
import { type ImageConfig, type Reference, chainIds, familiarString } from '@tdocker/oci'
import { system } from '../base/errors.ts'
import type { CommitTarget, ImageCommit, ImageCommits } from '../container/needs.ts'
import { type LayerMakerContext, unpackTar } from '../content/layer-maker.ts'
import type { Layer } from '../content/layer-store.ts'
import { applyChanges } from './changes.ts'
import type { ImageRecord, ImageRecords } from './image-records.ts'
import { type StoreImageContext, storeImage } from './image-store.ts'
import { parseRepoTag } from './parse.ts'

export interface CommitContext extends LayerMakerContext, StoreImageContext {
  records: ImageRecords
}

/** Of no entry at all: 1024 zeros. Images do not list it. */
const EMPTY_TAR = 'sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef'

export function imageCommits(o: CommitContext): ImageCommits {
  const references = new WeakMap<CommitTarget, Reference>()
  return {
    target(repo, tag) {
      const reference = parseRepoTag(repo, tag)
      if (!reference) return undefined
      const target = { name: familiarString(reference) }
      references.set(target, reference)
      return target
    },
    applyChanges: changedConfig,
    commit: (commit) => commitImage(o, commit, commit.target && references.get(commit.target)),
  }
}

function changedConfig(config: ContainerConfig, changes: readonly string[]): ContainerConfig {
  if (changes.length === 0) return config
  const others = Object.entries(config).filter(
    ([key]) => !(IMAGE_FIELDS as readonly string[]).includes(key),
  )
  const changed = applyChanges(imageConfigOf(config), changes) as ContainerConfig
  return { ...Object.fromEntries(others), ...changed }
}

async function commitImage(
  o: CommitContext,
  commit: ImageCommit,
  reference: Reference | undefined,
): Promise<string> {
  const parent = o.records.find(commit.parentId, { removed: true })
  if (!parent) throw system(`image ${commit.parentId} is missing`)
  const below = pinnedLayers(o, parent)
  const pinned = [...below]
  try {
    const added = await makeLayer(o, commit, below)
    if (added) pinned.push(added)
    const config = childConfig(o.records.config(parent.id), parent, commit, added)
    return await storeImage(o, {
      config,
      layers: pinned,
      references: reference ? [reference] : [],
      parentId: parent.id,
      created: true,
      event: commit.event,
    })
  } finally {
    for (const { key } of pinned) o.layers.unpin(key)
  }
}

/** Bottom first. */
function pinnedLayers(o: CommitContext, parent: ImageRecord): Layer[] {
  const ids = o.records.config(parent.id).rootfs.diff_ids
  const layers = o.records.layers(parent.id)
  for (const { key } of layers) o.layers.pin(key)
  return layers.map((layer, position) => ({ ...layer, diffId: ids[position] ?? '' }))
}

/** Pinned; undefined when nothing was changed. */
async function makeLayer(
  o: CommitContext,
  commit: ImageCommit,
  below: readonly Layer[],
): Promise<Layer | undefined> {
  await using tar = await unpackTar(o, commit.diff, commit.signal)
  commit.check()
  if (tar.diffId === EMPTY_TAR) return undefined
  const chain = chainIds([...below.map((layer) => layer.diffId), tar.diffId])
  return await tar.place({ chainId: chain.at(-1) ?? '', below: below.toReversed() })
}

/** Keys in order of name, as Docker writes them; labels even where there are none. */
function childConfig(
  parent: ImageConfig,
  { os, architecture, variant }: ImageRecord,
  commit: ImageCommit,
  added: Layer | undefined,
): ImageConfig {
  const { author, comment, containerConfig } = commit
  const created = new Date().toISOString()
  const createdBy = (containerConfig.Cmd ?? []).join(' ')
  const step = {
    created,
    ...(createdBy !== '' && { created_by: createdBy }),
    ...(author !== '' && { author }),
    ...(comment !== '' && { comment }),
    ...(!added && { empty_layer: true }),
  }
  return {
    architecture,
    ...(author !== '' && { author }),
    config: { ...imageConfigOf(commit.config), Labels: commit.config.Labels ?? {} },
    container: commit.containerId,
    container_config: saidOf(containerConfig),
    created,
    history: [...(parent.history ?? []), step],
    os,
    ...(parent['os.version'] !== undefined && { 'os.version': parent['os.version'] }),
    rootfs: {
      type: 'layers',
      diff_ids: [...parent.rootfs.diff_ids, ...(added ? [added.diffId] : [])],
    },
    ...(variant !== '' && { variant }),
  }
}

const IMAGE_FIELDS: ReadonlyArray<string & keyof NonNullable<ImageConfig['config']>> = [
  'ArgsEscaped',
  'Cmd',
  'Entrypoint',
  'Env',
  'ExposedPorts',
  'Healthcheck',
  'Labels',
  'OnBuild',
  'Shell',
  'StopSignal',
  'User',
  'Volumes',
  'WorkingDir',
]

/** What an image keeps of a container's config: nothing of its terminal, name or network. */
function imageConfigOf(config: ContainerConfig): NonNullable<ImageConfig['config']> {
  return Object.fromEntries(
    IMAGE_FIELDS.map((key) => [key, config[key]] as const).filter(([, value]) => isSaid(value)),
  )
}

function saidOf(config: ContainerConfig): Record<string, unknown> {
  return Object.fromEntries(Object.entries(config).filter(([, value]) => isSaid(value)))
}

function isSaid(value: unknown): boolean {
  if (value === undefined || value === null || value === '' || value === false) return false
  if (Array.isArray(value)) return true
  return typeof value !== 'object' || Object.keys(value).length > 0
}
