/** `GET /system/df` as clients of each version expect it. */
import type {
  BuildCacheRecord,
  ContainerSummary,
  DiskUsage,
  ImageSummary,
  UsageOf,
  Volume,
} from '@tdocker/api'
import { since } from '@tdocker/api/versions.ts'

/** The form before API 1.52: lists beside each other. */
interface LegacyDiskUsage {
  LayersSize?: number
  Images?: ImageSummary[]
  Containers?: ContainerSummary[]
  Volumes?: Volume[]
  BuildCache?: BuildCacheRecord[]
}

/** From 1.52 on both forms, as clients without a version get the newest; `verbose` is the new one's. */
export function diskUsageFor(usage: DiskUsage, version: string, verbose: boolean): object {
  if (!since(version, 'diskUsageByKind')) return legacyOf(usage, version)
  const told = Object.fromEntries(
    Object.entries(usage).map(([kind, totals]) => [kind, withoutZeros(totals as UsageOf<unknown>)]),
  )
  return verbose ? told : { ...legacyOf(usage, version), ...told }
}

function legacyOf(usage: DiskUsage, version: string): LegacyDiskUsage {
  const { ImageUsage, ContainerUsage, VolumeUsage, BuildCacheUsage } = usage
  const withVirtualSize = !since(version, 'noVirtualSize')
  return {
    ...(ImageUsage?.TotalSize && { LayersSize: ImageUsage.TotalSize }),
    ...(ImageUsage && {
      Images: withVirtualSize
        ? ImageUsage.Items.map((image) => ({ ...image, VirtualSize: image.Size }))
        : ImageUsage.Items,
    }),
    ...(ContainerUsage && { Containers: ContainerUsage.Items }),
    ...(VolumeUsage && { Volumes: VolumeUsage.Items }),
    ...(BuildCacheUsage && { BuildCache: BuildCacheUsage.Items }),
  }
}

/** Go leaves out what is zero or empty. */
function withoutZeros(usage: UsageOf<unknown>): Partial<UsageOf<unknown>> {
  const { Items, ...counts } = usage
  return {
    ...Object.fromEntries(Object.entries(counts).filter(([, count]) => count !== 0)),
    ...(Items.length > 0 && { Items }),
  }
}
