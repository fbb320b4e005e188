/**
 * Archives of Docker before 1.10: a directory for each layer with `json` and `layer.tar`, and
 * `repositories` (Docker Image Specification v1). An image's config is made as Docker made it when it
 * went over to images by content, so that one archive has one image id everywhere.
 */
import { MAX_LAYERS, type Reference, parseReference, withTag } from '@tdocker/oci'
import { invalidParameter, system } from '../../base/errors.ts'
import { goJson, goTime, sorted } from '../save/go-json.ts'
import type { ArchiveContents } from './archive-contents.ts'
import { decode, parseTag } from './image-to-load.ts'

type Fields = Record<string, unknown>

/** Without its config: that holds diff IDs, which are known when the layers are. */
export interface LegacyImage {
  references: readonly Reference[]
  /** Members, bottom first. */
  layers: readonly string[]
  config(diffIds: readonly string[]): Buffer
}

const ID = /^[0-9a-f]{64}$/

/** Whether there is anything of that kind in an archive. */
export function isLegacy(contents: ArchiveContents): boolean {
  return contents.findDocument('repositories') !== undefined || idsOf(contents).length > 0
}

/** Images with a name; where there are no names, those that no other is made from. */
export function* legacyImages(contents: ArchiveContents): Generator<LegacyImage> {
  const named = namesOf(contents)
  const ids = named.size > 0 ? [...named.keys()] : headsOf(contents)
  for (const id of ids) yield readImage(contents, id, named.get(id) ?? [])
}

function idsOf(contents: ArchiveContents): string[] {
  return [...contents.documentNames]
    .map((name) => /^([0-9a-f]{64})\/json$/.exec(name)?.[1])
    .filter((id) => id !== undefined)
}

function headsOf(contents: ArchiveContents): string[] {
  const ids = idsOf(contents)
  const parents = new Set(ids.map((id) => parentOf(readV1(contents, id))))
  return ids.filter((id) => !parents.has(id))
}

/** Top layer to names. */
function namesOf(contents: ArchiveContents): Map<string, Reference[]> {
  const named = new Map<string, Reference[]>()
  const bytes = contents.findDocument('repositories')
  if (!bytes) return named
  for (const [repository, tags] of Object.entries(asFields(decode('repositories', bytes)))) {
    for (const [tag, id] of Object.entries(asFields(tags))) {
      if (typeof id !== 'string' || !ID.test(id)) {
        throw invalidParameter(`image ID ${JSON.stringify(id)} is invalid`)
      }
      const references = named.get(id) ?? []
      named.set(id, references)
      references.push(referenceOf(repository, tag))
    }
  }
  return named
}

function referenceOf(repository: string, tag: string): Reference {
  try {
    return withTag(parseReference(repository), tag)
  } catch {
    return parseTag(`${repository}:${tag}`)
  }
}

function readImage(
  contents: ArchiveContents,
  top: string,
  references: readonly Reference[],
): LegacyImage {
  const chain: Fields[] = []
  const ids: string[] = []
  for (let id: string | undefined = top; id !== undefined;) {
    if (ids.includes(id)) throw system(`invalid archive: image ${id} is its own ancestor`)
    if (ids.length >= MAX_LAYERS) throw system('max depth exceeded')
    const config = readV1(contents, id)
    chain.unshift(config)
    ids.unshift(id)
    id = parentOf(config)
  }
  return {
    references,
    layers: ids.map((id) => `${id}/layer.tar`),
    config: (diffIds) => makeConfig(chain, diffIds),
  }
}

function readV1(contents: ArchiveContents, id: string): Fields {
  return asFields(decode(`${id}/json`, contents.document(`${id}/json`)))
}

function parentOf(config: Fields): string | undefined {
  const { parent } = config
  if (parent == null || parent === '') return undefined
  if (typeof parent !== 'string' || !ID.test(parent)) {
    throw invalidParameter(`image ID ${JSON.stringify(parent)} is invalid`)
  }
  return parent
}

/** What stood for the older kind of identity, and what is now in rootfs. */
const DROPPED: ReadonlySet<string> = new Set([
  'id',
  'parent',
  'Size',
  'parent_id',
  'layer_id',
  'throwaway',
])

function makeConfig(chain: readonly Fields[], diffIds: readonly string[]): Buffer {
  const top = chain.at(-1) ?? {}
  const kept = Object.fromEntries(Object.entries(top).filter(([key]) => !DROPPED.has(key)))
  const config = {
    ...kept,
    rootfs: { type: 'layers', diff_ids: diffIds },
    history: chain.map(historyOf),
  }
  return Buffer.from(goJson(sorted(config)))
}

function historyOf(config: Fields): Fields {
  const container = asFields(config['container_config'] ?? {})
  const command = Array.isArray(container['Cmd']) ? container['Cmd'].join(' ') : ''
  const { created, author, comment } = config
  return {
    created: typeof created === 'string' ? goTime(created) : '0001-01-01T00:00:00Z',
    ...(typeof author === 'string' && author !== '' && { author }),
    ...(command !== '' && { created_by: command }),
    ...(typeof comment === 'string' && comment !== '' && { comment }),
  }
}

function asFields(value: unknown): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw system('invalid archive: an object was expected')
  }
  return value as Fields
}
