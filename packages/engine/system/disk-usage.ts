import type {
  BuildCacheRecord,
  ContainerSummary,
  DiskUsage,
  DiskUsageKind,
  ImageSummary,
  UsageOf,
  Volume,
} from '@tdocker/api'

/** Sizes that are not known by then are told as unknown, and be there for the next who asks. */
const PATIENCE_MS = 2000

/** What there is, asked of the rooms that have it. `waitMs`: how long to wait for sizes. */
export interface DiskUsers {
  /** With `SharedSize` and `Containers`. */
  images(): Promise<ImageSummary[]>
  /** Bytes of all layers, each counted once. */
  layersSize(): number
  /** -1 for a size that is not known. */
  containers(waitMs: number): Promise<ContainerSummary[]>
  /** With `UsageData`; -1 for a size that is not known. */
  volumes(waitMs: number): Promise<Volume[]>
  buildCache(): Promise<BuildCacheRecord[]>
}

/** `GET /system/df`: never waits longer than a moment, whatever there is to measure. */
export async function diskUsage(
  users: DiskUsers,
  kinds: ReadonlySet<DiskUsageKind>,
): Promise<DiskUsage> {
  const [images, containers, volumes, cache] = await Promise.all([
    kinds.has('image') ? users.images() : undefined,
    kinds.has('container') ? users.containers(PATIENCE_MS) : undefined,
    kinds.has('volume') ? users.volumes(PATIENCE_MS) : undefined,
    kinds.has('build-cache') ? users.buildCache() : undefined,
  ])
  return {
    ...(images && { ImageUsage: imageUsage(images, users.layersSize()) }),
    ...(containers && { ContainerUsage: containerUsage(containers) }),
    ...(volumes && { VolumeUsage: volumeUsage(volumes) }),
    ...(cache && { BuildCacheUsage: cacheUsage(cache) }),
  }
}

function imageUsage(images: ImageSummary[], layersSize: number): UsageOf<ImageSummary> {
  const usage = usageOf(
    images,
    (image) => image.Containers > 0,
    (image) => image.Size - Math.max(0, image.SharedSize),
  )
  return { ...usage, TotalSize: layersSize }
}

const ACTIVE = ['running', 'paused', 'restarting']

function containerUsage(containers: ContainerSummary[]): UsageOf<ContainerSummary> {
  return usageOf(
    containers,
    (container) => ACTIVE.includes(container.State),
    (container) => container.SizeRw ?? -1,
  )
}

function volumeUsage(volumes: Volume[]): UsageOf<Volume> {
  return usageOf(
    volumes,
    (volume) => (volume.UsageData?.RefCount ?? 0) > 0,
    (volume) => volume.UsageData?.Size ?? -1,
  )
}

/** Unknown sizes count nothing. */
function usageOf<Item>(
  items: Item[],
  isActive: (item: Item) => boolean,
  size: (item: Item) => number,
): UsageOf<Item> {
  const sum = (some: readonly Item[]): number =>
    some.reduce((bytes, item) => bytes + Math.max(0, size(item)), 0)
  const idle = items.filter((item) => !isActive(item))
  return {
    ActiveCount: items.length - idle.length,
    TotalCount: items.length,
    Reclaimable: sum(idle),
    TotalSize: sum(items),
    Items: items,
  }
}

function cacheUsage(records: BuildCacheRecord[]): UsageOf<BuildCacheRecord> {
  const usage = usageOf(
    records,
    (record) => record.InUse || record.Shared,
    (record) => record.Size,
  )
  // What images have in common with it cannot be reclaimed, and is not in use either.
  return { ...usage, ActiveCount: records.filter(({ InUse }) => InUse).length }
}
