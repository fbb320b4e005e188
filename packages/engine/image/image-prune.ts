import { chainIds, familiarString, parseReference, withDefaultTag } from '@tdocker/oci'
import type { ImageDeleteResponseItem } from '@tdocker/api'
import type { Filters } from '../backend-types.ts'
import { invalidParameter, isKind } from '../base/errors.ts'
import type { ImagePruneReport } from './image-backend.ts'
import type { CatalogImage, ImageCatalog } from './image-catalog.ts'
import type { ImageRecords } from './image-records.ts'
import { freed, removeImage, type RemoveContext } from './image-remove.ts'
import type { ImageUse } from './image-use.ts'
import { parsePeriod, untilMoment } from './moment.ts'

/** Removals of files that go on beside the next commits. */
const MAX_FREEING = 16

interface PruneContext extends RemoveContext {
  catalog: ImageCatalog
  use: ImageUse
  onError: (what: string, error: unknown) => void
}

/**
 * `POST /images/prune` (moby: daemon/images/image_prune.go). `locked` runs one removal under the
 * lock of images, so that pulls and tags go on between them.
 */
export async function pruneImages(
  o: PruneContext,
  filters: Filters,
  locked: <T>(body: () => Promise<T>) => Promise<T>,
): Promise<ImagePruneReport> {
  const wish = parseWish(filters)
  const used = wish.unusedSince === undefined ? undefined : o.use.all()
  const images = await o.catalog.images()
  const parents = new Set(images.map(({ record }) => record.parentId))
  // They go with the last image that was made of them.
  const isNeeded = ({ record, references }: CatalogImage): boolean =>
    parents.has(record.id) && (wish.dangling || references.length === 0)
  const chosen = images.filter((image) => !isNeeded(image) && isWanted(image, wish, used))
  const deleted: ImageDeleteResponseItem[] = []
  let reclaimed = 0
  for (const { record } of chosen) {
    const sizes = layerSizes(o.records, record.id)
    await freed(o, MAX_FREEING)
    const items = await pruneImage(o, record.id, wish, locked)
    reclaimed += items.reduce((sum, item) => sum + (sizes.get(item.Deleted ?? '') ?? 0), 0)
    deleted.push(...items)
  }
  await freed(o)
  await o.events.commit(
    [],
    [{ type: 'image', action: 'prune', actorId: '', attributes: { reclaimed: String(reclaimed) } }],
  )
  return { ImagesDeleted: deleted.length > 0 ? deleted : null, SpaceReclaimed: reclaimed }
}

interface Wish {
  /** Only images without a tag. */
  dangling: boolean
  /** Milliseconds since 1970: only images made before. */
  until: number | undefined
  /** The same of when an image was last used. */
  unusedSince: number | undefined
  labels: readonly string[]
  unwantedLabels: readonly string[]
}

function parseWish(filters: Filters): Wish {
  const until = filters.get('until') ?? []
  if (until.length > 1) throw invalidParameter('more than one until filter specified')
  const unusedFor = filters.get('unused-for') ?? []
  if (unusedFor.length > 1) throw invalidParameter('more than one unused-for filter specified')
  return {
    unusedSince:
      unusedFor[0] === undefined ? undefined : Date.now() - parsePeriod(unusedFor[0], 'unused-for'),
    dangling: danglingOf(filters.get('dangling')),
    until: until[0] === undefined ? undefined : untilMoment(until[0], Date.now()),
    labels: filters.get('label') ?? [],
    unwantedLabels: filters.get('label!') ?? [],
  }
}

function danglingOf(values: readonly string[] | undefined): boolean {
  if (values === undefined) return true
  const isFalse = values.includes('0') || values.includes('false')
  const isTrue = values.includes('1') || values.includes('true')
  if (isFalse !== isTrue) return isTrue
  const told = values.length === 0 ? '' : `=[${values.join(' ')}]`
  throw invalidParameter(`invalid filter 'dangling${told}'`)
}

function isWanted(
  { record, labels: given }: CatalogImage,
  wish: Wish,
  used: ReadonlyMap<string, number> | undefined,
): boolean {
  const { until, unusedSince } = wish
  // Without a date nobody knows whether it is old enough.
  if (until !== undefined && (record.createdAt === 0 || record.createdAt > until)) return false
  if (unusedSince !== undefined && (used?.get(record.id) ?? Infinity) > unusedSince) return false
  const labels = given ?? {}
  const has = (text: string): boolean => {
    const equals = text.indexOf('=')
    if (equals < 0) return Object.hasOwn(labels, text)
    return labels[text.slice(0, equals)] === text.slice(equals + 1)
  }
  if (!wish.labels.every(has)) return false
  return wish.unwantedLabels.length === 0 || !wish.unwantedLabels.every(has)
}

/**
 * By name where it has one: a removal then leaves whatever a container still uses. A name that a
 * container was made by stays too, whatever other names the image has.
 */
async function pruneImage(
  o: PruneContext,
  id: string,
  { dangling }: Wish,
  locked: <T>(body: () => Promise<T>) => Promise<T>,
): Promise<ImageDeleteResponseItem[]> {
  const references = o.records.references(id)
  if (dangling && references.some((reference) => reference.tag !== undefined)) return []
  const named = new Set(o.users.usersOf(id).map((user) => shortNameOf(user.reference ?? '')))
  const names =
    references.length > 0 ? references.map(familiarString).filter((name) => !named.has(name)) : [id]
  const deleted: ImageDeleteResponseItem[] = []
  for (const name of names) {
    try {
      deleted.push(...(await locked(() => removeImage(o, name, { force: false, prune: true }))))
    } catch (error) {
      // Used, or gone with the name before it.
      if (!isKind(error, 'conflict') && !isKind(error, 'notFound'))
        o.onError(`prune ${name}`, error)
    }
  }
  return deleted
}

function shortNameOf(reference: string): string {
  try {
    return familiarString(withDefaultTag(parseReference(reference)))
  } catch {
    // An id.
    return reference
  }
}

/** Bytes of each layer of an image by its chain ID, as removals name them; none when it is gone. */
function layerSizes(records: ImageRecords, id: string): Map<string, number> {
  const layers = records.layers(id)
  if (layers.length === 0) return new Map()
  const chain = chainIds(records.config(id).rootfs.diff_ids)
  return new Map(chain.map((chainId, position) => [chainId, layers[position]?.size ?? 0]))
}
