import type { ContainerSummary } from './container.ts'
import type { ImageSummary } from './image.ts'
import type { Volume } from './volume.ts'

/** Totals of one kind of object; `Reclaimable` is what nothing uses. Bytes. */
export interface UsageOf<Item> {
  ActiveCount: number
  TotalCount: number
  Reclaimable: number
  TotalSize: number
  Items: Item[]
}

export interface BuildCacheRecord {
  ID: string
  Parents?: string[]
  Type: string
  Description: string
  InUse: boolean
  Shared: boolean
  Size: number
  CreatedAt: string
  LastUsedAt: string | null
  UsageCount: number
}

/** `GET /system/df` from API 1.52 on; kinds that were not asked for are absent. */
export interface DiskUsage {
  ImageUsage?: UsageOf<ImageSummary>
  ContainerUsage?: UsageOf<ContainerSummary>
  VolumeUsage?: UsageOf<Volume>
  BuildCacheUsage?: UsageOf<BuildCacheRecord>
}

export type DiskUsageKind = 'container' | 'image' | 'volume' | 'build-cache'

export interface BuildPruneReport {
  CachesDeleted: string[] | null
  SpaceReclaimed: number
}
