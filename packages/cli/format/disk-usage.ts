import type { ContainerSummary, ImageSummary, Volume } from '@tdocker/api'
import type { Row } from './row.ts'
import { humanSize } from './units.ts'

/** One record of the build cache. */
export interface CacheRecord {
  readonly ID: string
  readonly Type?: string
  readonly Parents?: readonly string[] | null
  readonly Parent?: string
  readonly Description?: string
  readonly InUse?: boolean
  readonly Shared?: boolean
  readonly Size: number
  readonly CreatedAt: string
  readonly LastUsedAt?: string | null
  readonly UsageCount?: number
}

/** Room taken by the objects of one kind, in bytes. */
export interface Usage<T> {
  readonly total: number
  readonly active: number
  readonly size: number
  readonly reclaimable: number
  readonly items: readonly T[]
}

export interface DiskUsage {
  readonly images: Usage<ImageSummary>
  readonly containers: Usage<ContainerSummary>
  readonly volumes: Usage<Volume>
  readonly buildCache: Usage<CacheRecord>
}

/** `GET /system/df` up to API 1.51: lists, and the client counts. */
interface Lists {
  readonly LayersSize?: number
  readonly Images?: readonly ImageSummary[] | null
  readonly Containers?: readonly ContainerSummary[] | null
  readonly Volumes?: readonly Volume[] | null
  readonly BuildCache?: readonly CacheRecord[] | null
}

interface Counted<T> {
  readonly TotalCount?: number
  readonly ActiveCount?: number
  readonly TotalSize?: number
  readonly Reclaimable?: number
  readonly Items?: readonly T[] | null
}

/** From API 1.52 on: counted by the daemon, the lists only when asked for. */
interface Counts {
  readonly ImageUsage?: Counted<ImageSummary>
  readonly ContainerUsage?: Counted<ContainerSummary>
  readonly VolumeUsage?: Counted<Volume>
  readonly BuildCacheUsage?: Counted<CacheRecord>
}

export type DiskUsageAnswer = Lists & Counts

export function diskUsage(answer: DiskUsageAnswer): DiskUsage {
  return {
    images: counted(answer.ImageUsage) ?? imageUsage(answer),
    containers: counted(answer.ContainerUsage) ?? containerUsage(answer.Containers ?? []),
    volumes: counted(answer.VolumeUsage) ?? volumeUsage(answer.Volumes ?? []),
    buildCache: counted(answer.BuildCacheUsage) ?? cacheUsage(answer.BuildCache ?? []),
  }
}

function counted<T>(usage: Counted<T> | undefined): Usage<T> | undefined {
  if (!usage) return undefined
  const { TotalCount = 0, ActiveCount = 0, TotalSize = 0, Reclaimable = 0, Items } = usage
  return {
    total: TotalCount,
    active: ActiveCount,
    size: TotalSize,
    reclaimable: Reclaimable,
    items: Items ?? [],
  }
}

const sum = <T>(list: readonly T[], of: (item: T) => number): number =>
  list.reduce((total, item) => total + of(item), 0)

/** Layers are shared: only what an image has for itself counts as its own. */
function imageUsage({ Images, LayersSize = 0 }: Lists): Usage<ImageSummary> {
  const items = Images ?? []
  const used = items.filter(
    ({ Containers, Size, SharedSize }) => Containers !== 0 && Size !== -1 && SharedSize !== -1,
  )
  return {
    total: items.length,
    active: items.filter(({ Containers }) => Containers > 0).length,
    size: LayersSize,
    reclaimable: LayersSize - sum(used, ({ Size, SharedSize }) => Size - SharedSize),
    items,
  }
}

function containerUsage(items: readonly ContainerSummary[]): Usage<ContainerSummary> {
  const idle = items.filter(({ State }) => !['running', 'paused', 'restarting'].includes(State))
  const room = ({ SizeRw }: ContainerSummary): number => SizeRw ?? 0
  return {
    total: items.length,
    active: items.length - idle.length,
    size: sum(items, room),
    reclaimable: sum(idle, room),
    items,
  }
}

function volumeUsage(items: readonly Volume[]): Usage<Volume> {
  const room = ({ UsageData }: Volume): number => Math.max(0, UsageData?.Size ?? 0)
  const links = ({ UsageData }: Volume): number => UsageData?.RefCount ?? -1
  return {
    total: items.length,
    active: items.filter((volume) => links(volume) > 0).length,
    size: sum(items, room),
    reclaimable: sum(
      items.filter((volume) => links(volume) === 0),
      room,
    ),
    items,
  }
}

function cacheUsage(items: readonly CacheRecord[]): Usage<CacheRecord> {
  const own = items.filter(({ Shared }) => !Shared)
  const size = sum(own, ({ Size }) => Size)
  const used = own.filter(({ InUse }) => InUse)
  return {
    total: items.length,
    active: items.filter(({ InUse }) => InUse).length,
    size,
    reclaimable: size - sum(used, ({ Size }) => Size),
    items,
  }
}

export const usageHeaders: Readonly<Record<string, string>> = {
  Type: 'TYPE',
  TotalCount: 'TOTAL',
  Active: 'ACTIVE',
  Size: 'SIZE',
  Reclaimable: 'RECLAIMABLE',
}

const rawLines = `type: {{.Type}}
total: {{.TotalCount}}
active: {{.Active}}
size: {{.Size}}
reclaimable: {{.Reclaimable}}
`

/** The template behind what the user asked for. */
export function usageFormat(format: string): string {
  if (format === 'raw') return rawLines
  if (format !== 'table') return format
  return 'table {{.Type}}\t{{.TotalCount}}\t{{.Active}}\t{{.Size}}\t{{.Reclaimable}}'
}

/** One line per kind of object. */
export function usageRows({ images, containers, volumes, buildCache }: DiskUsage): Row[] {
  return [
    usageRow('Images', images, true),
    usageRow('Containers', containers, true),
    usageRow('Local Volumes', volumes, true),
    usageRow('Build Cache', buildCache, false),
  ]
}

function usageRow(type: string, usage: Usage<unknown>, withPercent: boolean): Row {
  const { total, active, size, reclaimable } = usage
  const percent = withPercent && size > 0 ? ` (${Math.trunc((reclaimable * 100) / size)}%)` : ''
  return {
    Active: () => String(active),
    Reclaimable: () => `${humanSize(reclaimable)}${percent}`,
    Size: () => humanSize(size),
    TotalCount: () => String(total),
    Type: () => type,
  }
}
