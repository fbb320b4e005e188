/** manifest.json of `docker save` (Docker Image Specification v1.2, "Combined Image JSON + Filesystem Changeset Format"). */
import { system } from '../../base/errors.ts'
import type { ArchiveContents } from './archive-contents.ts'
import { type ImageToLoad, decode, parseTag } from './image-to-load.ts'

const NAME = 'manifest.json'
const MAX_IMAGES = 10_000

type Fields = Record<string, unknown>

/** Each entry when it is asked for: those before a bad one are loaded, as by moby. */
export function* dockerImages(contents: ArchiveContents, list: Buffer): Generator<ImageToLoad> {
  const items = decode(NAME, list)
  if (items === null) {
    throw system('invalid manifest, manifest cannot be null (but can be [])')
  }
  if (!Array.isArray(items)) throw wrong('value', items)
  if (items.length > MAX_IMAGES) throw system('invalid archive: too many images')
  for (const item of items) yield readItem(contents, item)
}

function readItem(contents: ArchiveContents, item: unknown): ImageToLoad {
  if (typeof item !== 'object' || item === null || Array.isArray(item)) throw wrong('value', item)
  const fields = foldKeys(item as Fields)
  const parent = text(fields, 'Parent')
  return {
    config: contents.document(text(fields, 'Config')),
    layers: texts(fields, 'Layers'),
    references: texts(fields, 'RepoTags').map(parseTag),
    ...(parent !== '' && { parent }),
  }
}

/** Go matches keys without regard to case. */
function foldKeys(fields: Fields): Fields {
  const known = ['Config', 'Layers', 'RepoTags', 'Parent']
  const pairs = Object.entries(fields).map(([key, value]) => [
    known.find((name) => name.toLowerCase() === key.toLowerCase()) ?? key,
    value,
  ])
  return Object.fromEntries(pairs) as Fields
}

function text(fields: Fields, key: string): string {
  const value = fields[key] ?? ''
  if (typeof value !== 'string') throw wrong(key, value)
  return value
}

function texts(fields: Fields, key: string): string[] {
  const values = fields[key] ?? []
  if (!Array.isArray(values) || !values.every((value) => typeof value === 'string')) {
    throw wrong(key, values)
  }
  return values
}

function wrong(key: string, value: unknown): Error {
  const kind = Array.isArray(value) ? 'array' : value === null ? 'null' : typeof value
  return system(
    `invalid archive: failed to decode ${NAME}: json: cannot unmarshal ${kind} into Go struct field manifestItem.${key}`,
  )
}
