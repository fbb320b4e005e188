/** Untagging and deleting, with moby's rules (daemon/images/image_delete.go). */
import type { ImageDeleteResponseItem } from '@tdocker/api'
import {
  type Platform,
  type Reference,
  canonicalName,
  chainIds,
  familiarString,
  parseReference,
  withDefaultTag,
} from '@tdocker/oci'
import { conflict } from '../base/errors.ts'
import type { LayerStore } from '../content/layer-store.ts'
import type { EventLog, NewEvent } from '../event/event-log.ts'
import type { Statement } from '../store/store.ts'
import type { ImageUsers } from './image-backend.ts'
import { imageEvent } from './image-events.ts'
import type { ImageLookup } from './image-lookup.ts'
import { type ImageRecords, dropImage, dropReference, hideImage } from './image-records.ts'
import { messages } from './messages.ts'

export interface RemoveContext {
  records: ImageRecords
  lookup: ImageLookup
  layers: LayerStore
  events: EventLog
  users: ImageUsers
  /** Images whose removal is being committed: nobody may begin to use them. */
  going: Set<string>
  /** Directories and blobs of removed images that are still being removed; see `freed`. */
  freeing: Set<Promise<void>>
}

/** What one removal will do, gathered before anything is done. */
interface Removal {
  statements: Statement[]
  events: NewEvent[]
  items: ImageDeleteResponseItem[]
}

export interface RemoveOptions {
  force: boolean
  /** Parents that nothing else needs go, too. */
  prune: boolean
  /** The image must be of this platform. */
  platform?: Platform | undefined
}

/** The caller holds the lock of images. */
export async function removeImage(
  o: RemoveContext,
  name: string,
  { force, prune, platform }: RemoveOptions,
): Promise<ImageDeleteResponseItem[]> {
  const { id, parentId } = o.lookup.get(name, platform)
  const removal: Removal = { statements: [], events: [], items: [] }
  let left: readonly Reference[] = o.records.references(id)
  const byName = !isIdPrefix(id, name)
  if (byName) {
    left = removeByName(o, removal, { id, name, references: left, force })
    if (left.length > 0) return commit(o, removal)
  } else if (isSingle(left)) {
    // An id that stands for one repository only may take its names with it; more need force.
    refuse(deleteConflict(o, id, { force, references: [] }))
    untag(o, removal, id, left)
    left = []
  }
  const why = deleteConflict(o, id, { force, references: left })
  // The name is gone, which is what was asked for; who still uses the image keeps it.
  if (byName && why !== undefined) return commit(o, removal)
  refuse(why)
  untag(o, removal, id, left)
  await deleteImage(o, removal, id)
  if (prune) await pruneParents(o, removal.items, parentId)
  return removal.items
}

function refuse(why: string | undefined): void {
  if (why !== undefined) throw conflict(why)
}

/** Images without a name that others were made of, one after another, as far as nothing needs them. */
async function pruneParents(
  o: RemoveContext,
  items: ImageDeleteResponseItem[],
  parentId: string | undefined,
): Promise<void> {
  for (let id = parentId; id !== undefined;) {
    const parent = o.records.find(id)
    if (!parent) return
    const references = o.records.references(id)
    if (deleteConflict(o, id, { force: false, references }) !== undefined) return
    await deleteImage(o, { statements: [], events: [], items }, id)
    id = parent.parentId
  }
}

/** Takes the name away, and with a repository's last tag its digests. Answers what is left. */
function removeByName(
  o: RemoveContext,
  removal: Removal,
  image: { id: string; name: string; references: readonly Reference[]; force: boolean },
): Reference[] {
  const { id, name, references, force } = image
  const [user] = o.users.usersOf(id)
  if (!force && user && isSingle(references)) {
    throw conflict(messages.referenceInUse(name, user.id, id))
  }
  const asked = withDefaultTag(parseReference(name))
  const target: Reference =
    asked.digest === undefined
      ? asked
      : { domain: asked.domain, path: asked.path, digest: asked.digest }
  untag(o, removal, id, [target])
  const left = references.filter((r) => familiarString(r) !== familiarString(target))
  if (target.digest !== undefined) return left
  const sameRepository = (r: Reference): boolean => canonicalName(r) === canonicalName(target)
  if (left.some((r) => r.tag !== undefined && sameRepository(r))) return left
  const digests = left.filter(sameRepository)
  for (const reference of digests) {
    removal.statements.push(...dropReference(reference, id))
    removal.items.push({ Untagged: familiarString(reference) })
  }
  return left.filter((r) => !sameRepository(r))
}

function untag(
  o: RemoveContext,
  removal: Removal,
  id: string,
  references: readonly Reference[],
): void {
  for (const reference of references) {
    removal.statements.push(...dropReference(reference, id))
    removal.events.push(
      imageEvent('untag', { actorId: id, name: id, config: o.records.config(id) }),
    )
    removal.items.push({ Untagged: familiarString(reference) })
  }
}

function deleteConflict(
  o: RemoveContext,
  id: string,
  { force, references }: { force: boolean; references: readonly Reference[] },
): string | undefined {
  if (o.records.hasChildren(id)) return messages.cannotDelete(id, true, messages.hasChildren)
  // Those that only mount it keep its layers, whatever it is called.
  const users = o.users.usersOf(id).filter((user) => !user.mounts)
  const running = users.find((user) => user.running)
  if (running) return messages.cannotDelete(id, true, messages.usedByRunning(running.id))
  if (force) return undefined
  if (references.length > 0) return messages.cannotDelete(id, false, messages.severalRepositories)
  const [stopped] = users
  return stopped && messages.cannotDelete(id, false, messages.usedByStopped(stopped.id))
}

/** All references lie in one repository, with at most one tag. */
function isSingle(references: readonly Reference[]): boolean {
  if (references.length <= 1) return references.length === 1
  const tags = references.filter((r) => r.tag !== undefined)
  const digests = references.filter((r) => r.digest !== undefined)
  if (tags.length > 1) return false
  const name = canonicalName(tags[0] ?? digests[0] ?? { domain: '', path: '' })
  return digests.length > 0 && digests.every((r) => canonicalName(r) === name)
}

function isIdPrefix(id: string, name: string): boolean {
  return id.startsWith(name) || id.slice(id.indexOf(':') + 1).startsWith(name)
}

async function commit(o: RemoveContext, removal: Removal): Promise<ImageDeleteResponseItem[]> {
  await o.events.commit(removal.statements, removal.events)
  return removal.items
}

/** The image's row and the layers that only it held; a used one is hidden instead. */
async function deleteImage(
  o: RemoveContext,
  removal: Removal,
  id: string,
): Promise<ImageDeleteResponseItem[]> {
  const config = o.records.config(id)
  // Nobody finds its labels any more.
  removal.events.push(imageEvent('delete', { actorId: id, name: id, config: undefined }))
  removal.items.push({ Deleted: id })
  if (o.users.usersOf(id).length > 0) {
    removal.statements.push(...hideImage(id))
    return commit(o, removal)
  }
  const chain = chainIds(config.rootfs.diff_ids)
  const keys = o.records.layers(id).map((layer) => layer.key)
  await dropWithLayers(o, id, removal, (freed) => {
    for (const [position, chainId] of [...chain.entries()].toReversed()) {
      if (freed.has(keys[position] ?? '')) removal.items.push({ Deleted: chainId })
    }
  })
  return removal.items
}

/** Rows first: directories without them are garbage. From the first line on nobody gets the image. */
async function dropWithLayers(
  o: RemoveContext,
  id: string,
  { statements, events }: Pick<Removal, 'statements' | 'events'>,
  tell?: (freed: ReadonlySet<string>) => void,
): Promise<void> {
  const drop = dropImage(o.records, id)
  const release = o.layers.release(o.records.ownLayers(id))
  o.going.add(id)
  let committed = false
  try {
    tell?.(new Set(release.keys))
    await o.events.commit([...statements, ...drop, ...release.statements], events)
    committed = true
  } finally {
    o.going.delete(id)
    // Not under the lock of images: who makes such a layer anew waits for that one alone.
    const freeing = release.finish(committed).finally(() => o.freeing.delete(freeing))
    o.freeing.add(freeing)
  }
}

/** Resolves when no more than `most` removals of files are under way. */
export async function freed(o: Pick<RemoveContext, 'freeing'>, most = 0): Promise<void> {
  while (o.freeing.size > most) await Promise.race(o.freeing)
}

/** Gives up an image whose content is lost. The caller holds the lock of images. */
export async function dropLostImage(o: RemoveContext, id: string): Promise<void> {
  const event = imageEvent('delete', { actorId: id, name: id, config: undefined })
  await dropWithLayers(o, id, { statements: [], events: [event] })
}

/** Frees images that were removed by force, once no container uses them any more. */
export async function sweepRemoved(o: RemoveContext): Promise<void> {
  for (const id of o.records.removed()) {
    if (o.users.usersOf(id).length > 0) continue
    await dropWithLayers(o, id, { statements: [], events: [] })
  }
}
