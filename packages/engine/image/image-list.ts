import type { ImageSummary } from '@tdocker/api'
import { canonicalName, canonicalString, familiarName, familiarString } from '@tdocker/oci'
import type { Reference } from '@tdocker/oci'
import { invalidParameter, system } from '../base/errors.ts'
import { descriptorOf } from './image-inspect.ts'
import type { Filters } from '../backend-types.ts'
import type { ImageUsers, ListOptions } from './image-backend.ts'
import type { ImageLookup } from './image-lookup.ts'
import type { ImageRecord, ImageRecords } from './image-records.ts'
import { globMatch } from './glob.ts'
import { untilMoment } from './moment.ts'

/** `GET /images/json`, newest first (moby: daemon/images/image_list.go). */
export function listImages(
  o: { records: ImageRecords; lookup: ImageLookup; users: ImageUsers },
  options: ListOptions,
): ImageSummary[] {
  const { filters } = options
  const danglingOnly = booleanFilter(filters, 'dangling')
  const window = timeWindow(o.lookup, filters)
  const use = options.sharedSize ? o.records.layerUse() : undefined
  return o.records
    .all()
    .filter((image) => window(image) && labelsMatch(o.records, image, filters))
    .map((image) => ({ image, references: o.records.references(image.id) }))
    .map(({ image, references }) => ({ image, shown: byReference(references, filters) }))
    .filter(({ shown }) => isWanted(shown, danglingOnly, filters.has('reference')))
    .toSorted((a, b) => b.image.createdAt - a.image.createdAt)
    .map(({ image, shown }) => summary(o, image, shown, use))
}

function summary(
  o: { records: ImageRecords; users: ImageUsers },
  image: ImageRecord,
  references: readonly Reference[],
  use: Map<string, number> | undefined,
): ImageSummary {
  const descriptor = descriptorOf(o.records, image)
  return {
    Id: image.id,
    ParentId: '',
    RepoTags: references.filter((r) => r.tag !== undefined).map(familiarString),
    RepoDigests: references.filter((r) => r.digest !== undefined).map(familiarString),
    Created: Math.floor(image.createdAt / 1000),
    Size: image.size,
    SharedSize: use === undefined ? -1 : sharedSize(o.records, image.id, use),
    Labels: o.records.config(image.id).config?.Labels ?? null,
    Containers: o.users.usersOf(image.id).length,
    ...(descriptor && { Descriptor: descriptor }),
  }
}

function sharedSize(records: ImageRecords, id: string, use: Map<string, number>): number {
  return records
    .layers(id)
    .filter((layer) => (use.get(layer.key) ?? 0) > 1)
    .reduce((sum, layer) => sum + layer.size, 0)
}

/** Without a name an image is listed too, unless names were asked for. */
function isWanted(
  shown: readonly Reference[],
  danglingOnly: boolean | undefined,
  named: boolean,
): boolean {
  if (shown.length === 0) return danglingOnly !== false && !named
  return danglingOnly !== true || shown.every((reference) => reference.tag === undefined)
}

/** Patterns meet the short and the full form, with and without tag. */
function byReference(references: readonly Reference[], filters: Filters): readonly Reference[] {
  const patterns = filters.get('reference')
  if (patterns === undefined) return references
  return references.filter((reference) => {
    const targets = [
      familiarString(reference),
      familiarName(reference),
      canonicalString(reference),
      canonicalName(reference),
    ]
    try {
      return patterns.some((pattern) => targets.some((target) => globMatch(pattern, target)))
    } catch (error) {
      throw system((error as Error).message, error)
    }
  })
}

function timeWindow(lookup: ImageLookup, filters: Filters): (image: ImageRecord) => boolean {
  const created = (name: string): number => lookup.get(name).createdAt
  const now = Date.now()
  const before = [
    ...(filters.get('before') ?? []).map(created),
    ...(filters.get('until') ?? []).map((text) => untilMoment(text, now)),
  ]
  const since = (filters.get('since') ?? []).map(created)
  const end = Math.min(...before)
  const begin = Math.max(...since)
  return (image) => image.createdAt < end && image.createdAt > begin
}

function labelsMatch(records: ImageRecords, image: ImageRecord, filters: Filters): boolean {
  const wanted = filters.get('label') ?? []
  const unwanted = filters.get('label!') ?? []
  if (wanted.length === 0 && unwanted.length === 0) return true
  const labels = records.config(image.id).config?.Labels ?? {}
  const has = (text: string): boolean => {
    const [key = '', ...rest] = text.split('=')
    const value = labels[key]
    return value !== undefined && (rest.length === 0 || value === rest.join('='))
  }
  return wanted.every(has) && !unwanted.some(has)
}

function booleanFilter(filters: Filters, key: string): boolean | undefined {
  const values = filters.get(key)
  if (values === undefined) return undefined
  const isFalse = values.includes('0') || values.includes('false')
  const isTrue = values.includes('1') || values.includes('true')
  if (isFalse === isTrue) throw invalidParameter(`invalid filter '${key}=[${values.join(' ')}]'`)
  return isTrue
}
