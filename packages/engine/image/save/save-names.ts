/** Which images a save's names mean, and under which of their tags they are saved. */
import {
  type Platform,
  type Reference,
  familiarName,
  familiarString,
  formatPlatform,
  normalizePlatform,
} from '@tdocker/oci'
import { notFound, system } from '../../base/errors.ts'
import { type ImageLookup, platformOf } from '../image-lookup.ts'
import type { ImageRecord, ImageRecords } from '../image-records.ts'
import { messages } from '../messages.ts'
import { parseName } from '../parse.ts'

export interface NamedImage {
  image: ImageRecord
  references: Reference[]
}

export interface SaveNamesContext {
  records: ImageRecords
  lookup: ImageLookup
}

/**
 * By name with tag, id or its beginning, digest; a name without tag means all its tags. Images come in
 * the order of the names, each once. Throws as moby (tarexport/save.go, `parseNames`).
 */
export function resolveNames(
  o: SaveNamesContext,
  names: readonly string[],
  platforms: readonly Platform[],
): NamedImage[] {
  const found = new Map<string, NamedImage>()
  const add = (image: ImageRecord, reference?: Reference): void => {
    const named = found.get(image.id) ?? { image, references: [] }
    if (!found.has(image.id)) checkPlatform(image, platforms)
    found.set(image.id, named)
    const isNew = named.references.every((known) => !reference || !same(known, reference))
    if (reference && isNew) named.references.push(reference)
  }
  for (const name of names) addName(o, name, add)
  return [...found.values()]
}

function addName(
  o: SaveNamesContext,
  name: string,
  add: (image: ImageRecord, reference?: Reference) => void,
): void {
  const parsed = parseName(name)
  if (parsed.kind === 'id') return add(o.lookup.get(name))
  const { reference } = parsed
  if (familiarName(reference) === 'sha256') return add(o.lookup.get(name))
  if (reference.digest !== undefined) return add(find(o, reference))
  if (reference.tag !== undefined) return add(find(o, reference), reference)
  const named = o.records.ofRepository(reference)
  for (const { tag, imageId } of named) {
    const image = o.records.find(imageId)
    if (image) add(image, tag === undefined ? undefined : { ...reference, tag })
  }
  if (named.length === 0) add(byPrefix(o, name))
}

function find(o: SaveNamesContext, reference: Reference): ImageRecord {
  const id =
    reference.digest === undefined
      ? o.records.findTag(reference)
      : o.records.findDigest(reference)[0]
  const image = id === undefined ? undefined : o.records.find(id)
  if (!image) throw notFound(messages.noReference)
  return image
}

/** The beginning of an id; a sentence of moby's image store, which knows no default tag. */
function byPrefix(o: SaveNamesContext, name: string): ImageRecord {
  const ids = /^[0-9a-f]{1,64}$/.test(name) ? o.records.findByPrefix(name) : []
  const image = ids.length === 1 ? o.records.find(ids[0] ?? '') : undefined
  if (!image) throw notFound(messages.noSuchImage(name))
  return image
}

function checkPlatform(image: ImageRecord, platforms: readonly Platform[]): void {
  const has = platformOf(image)
  if (platforms.length === 0 || platforms.some((wanted) => isSamePlatform(wanted, has))) return
  const wanted = platforms.map(formatPlatform).join(', ')
  throw system(`no suitable export target found for platform ${wanted}`)
}

/** Nothing that merely runs there, as `OnlyStrict` of containerd's platforms. */
export function isSamePlatform(a: Platform, b: Platform): boolean {
  return formatPlatform(normalizePlatform(a)) === formatPlatform(normalizePlatform(b))
}

function same(a: Reference, b: Reference): boolean {
  return familiarString(a) === familiarString(b)
}
