import type { ImageSummary } from '@tdocker/api'
import { canonicalName, canonicalString, familiarName, familiarString } from '@tdocker/oci'
import type { Reference } from '@tdocker/oci'
import { booleanFilter } from '../base/boolean-filter.ts'
import { system } from '../base/errors.ts'
import type { Filters } from '../backend-types.ts'
import type { ImageUsers, ListOptions } from './image-backend.ts'
import type { ImageLookup } from './image-lookup.ts'
import type { CatalogImage, ImageCatalog } from './image-catalog.ts'
import { imageManifests } from './image-manifests.ts'
import type { ImageRecord, ImageRecords } from './image-records.ts'
import { globMatch } from './glob.ts'
import { untilMoment } from './moment.ts'

/** `GET /images/json`, newest first (moby: daemon/images/image_list.go). */
export async function listImages(
  o: { catalog: ImageCatalog; lookup: ImageLookup; records: ImageRecords; users: ImageUsers },
  options: ListOptions,
): Promise<ImageSummary[]> {
  const { filters, all } = options
  const danglingOnly = booleanFilter(filters, 'dangling')
  const window = timeWindow(o.lookup, filters)
  const unique = options.sharedSize ? await o.catalog.uniqueSizes() : undefined
  const images = await o.catalog.images()
  const parents = new Set(images.map(({ record }) => record.parentId))
  const isHidden = (id: string): boolean => parents.has(id) && (danglingOnly === true || !all)
  return (
    images
      .filter(({ record, labels }) => window(record) && labelsMatch(labels, filters))
      .map((image) => ({ image, shown: byReference(image.references, filters) }))
      .filter(({ shown }) => isWanted(shown, danglingOnly, filters.has('reference')))
      // What others were made of and has no name is a step on the way.
      .filter(({ image, shown }) => shown.length > 0 || !isHidden(image.record.id))
      .toSorted((a, b) => b.image.record.createdAt - a.image.record.createdAt)
      .map(({ image, shown }) => ({
        ...summary(image, shown, o.users, unique),
        ...(options.manifests && imageManifests(o, image.record)),
      }))
  )
}

function summary(
  { record, labels, descriptor }: CatalogImage,
  references: readonly Reference[],
  users: ImageUsers,
  unique: ReadonlyMap<string, number> | undefined,
): ImageSummary {
  return {
    Id: record.id,
    ParentId: record.parentId ?? '',
    RepoTags: references.filter((r) => r.tag !== undefined).map(familiarString),
    RepoDigests: references.filter((r) => r.digest !== undefined).map(familiarString),
    Created: Math.floor(record.createdAt / 1000),
    Size: record.size,
    SharedSize: unique === undefined ? -1 : record.size - (unique.get(record.id) ?? 0),
    Labels: labels === null ? null : { ...labels },
    Containers: users.usersOf(record.id).filter((user) => !user.mounts).length,
    ...(descriptor && { Descriptor: descriptor }),
  }
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
  // An image without a date sets no bound, and is within none.
  const created = (name: string): number[] =>
    [lookup.get(name).createdAt].filter((time) => time > 0)
  const now = Date.now()
  const before = [
    ...(filters.get('before') ?? []).flatMap(created),
    ...(filters.get('until') ?? []).map((text) => untilMoment(text, now)),
  ]
  const since = (filters.get('since') ?? []).flatMap(created)
  if (before.length === 0 && since.length === 0) return () => true
  const end = Math.min(...before)
  const begin = Math.max(0, ...since)
  return (image) => image.createdAt < end && image.createdAt > begin
}

function labelsMatch(given: CatalogImage['labels'], filters: Filters): boolean {
  const wanted = filters.get('label') ?? []
  const unwanted = filters.get('label!') ?? []
  if (wanted.length === 0 && unwanted.length === 0) return true
  const labels = given ?? {}
  const has = (text: string): boolean => {
    const [key = '', ...rest] = text.split('=')
    const value = labels[key]
    return value !== undefined && (rest.length === 0 || value === rest.join('='))
  }
  return wanted.every(has) && !unwanted.some(has)
}
