import type { ImageSummary } from '@tdocker/api'
import { cacheHeaders, cacheRow, sortCache } from './cache-row.ts'
import { containerFormat, containerHeaders, containerRow } from './container-row.ts'
import type { DiskUsage } from './disk-usage.ts'
import { imageFormat, imageHeaders, imageRows } from './image-row.ts'
import { RowFormat } from './row.ts'
import type { Row } from './row.ts'
import { Template } from './template/template.ts'
import { asStruct } from './template/value.ts'
import { humanSize } from './units.ts'
import { volumeFormat, volumeHeaders, volumeRow } from './volume-row.ts'

const since = '{{.CreatedSince}}'
const imageTable = `table {{.Repository}}\t{{.Tag}}\t{{.ID}}\t${since}\t{{.Size}}\t{{.SharedSize}}\t{{.UniqueSize}}\t{{.Containers}}`
const containerTable =
  'table {{.ID}}\t{{.Image}}\t{{.Command}}\t{{.LocalVolumes}}\t{{.Size}}\t{{.RunningFor}}\t{{.Status}}\t{{.Names}}'
const volumeTable = 'table {{.Name}}\t{{.Links}}\t{{.Size}}'
const cacheTable = `table {{.ID}}\t{{.CacheType}}\t{{.Size}}\t${since}\t{{.LastUsedSince}}\t{{.UsageCount}}\t{{.Shared}}`

const rawCache = `build_cache_id: {{.ID}}
parent_id: {{.Parent}}
build_cache_type: {{.CacheType}}
description: {{.Description}}
created_at: {{.CreatedAt}}
created_since: {{.CreatedSince}}
last_used_at: {{.LastUsedAt}}
last_used_since: {{.LastUsedSince}}
usage_count: {{.UsageCount}}
in_use: {{.InUse}}
shared: {{.Shared}}
`

/** `system df -v`: every object, in four tables or by a template over all of them. */
export function usageDetails(usage: DiskUsage, format: string, now: number): string {
  const truncate = format.startsWith('table')
  const rows = {
    Images: usage.images.items.flatMap((image) => firstName(image, truncate, now)),
    // The size of the image is not the container's.
    Containers: usage.containers.items.map((container) =>
      containerRow({ ...container, SizeRootFs: 0 }, truncate, now),
    ),
    Volumes: usage.volumes.items.map(volumeRow),
    BuildCache: sortCache(usage.buildCache.items).map((record) => cacheRow(record, truncate, now)),
  }
  return format === 'table' ? tables(rows, usage) : byTemplate(rows, format)
}

function tables(rows: Readonly<Record<string, readonly Row[]>>, usage: DiskUsage): string {
  const table = (format: string, kind: string, headers: Readonly<Record<string, string>>): string =>
    new RowFormat(format).render(rows[kind] ?? [], headers, '*formatter.diskUsageContext')
  return [
    'Images space usage:\n\n',
    table(imageTable, 'Images', imageHeaders),
    '\nContainers space usage:\n\n',
    table(containerTable, 'Containers', containerHeaders),
    '\nLocal Volumes space usage:\n\n',
    table(volumeTable, 'Volumes', volumeHeaders),
    `\nBuild cache usage: ${humanSize(usage.buildCache.size)}\n\n`,
    table(cacheTable, 'BuildCache', cacheHeaders),
  ].join('')
}

/** An image of several names is shown once. */
function firstName(image: ImageSummary, truncate: boolean, now: number): Row[] {
  const once = { ...image, RepoTags: (image.RepoTags ?? []).slice(0, 1) }
  const rows = imageRows(once, { truncate, digests: false, now }).slice(0, 1)
  return rows.map((row) => ({ ...row, Digest: () => '' }))
}

function byTemplate(rows: Readonly<Record<string, readonly Row[]>>, format: string): string {
  const source =
    format === 'raw'
      ? rawTemplate()
      : format === 'json'
        ? '{{json .}}'
        : format
            .replace(/^table/, '')
            .trim()
            .replaceAll('\\t', '\t')
            .replaceAll('\\n', '\n')
  const data = Object.entries(rows).map(([kind, list]) => [kind, list.map((row) => asStruct(row))])
  const typeName = '*formatter.diskUsageContext'
  return new Template(source).execute(asStruct(Object.fromEntries(data) as object), { typeName })
}

function rawTemplate(): string {
  const part = (list: string, type: string, lines: string): string =>
    `{{range .${list}}}type: ${type}\n${lines}\n{{end -}}`
  const volume = volumeFormat('raw', false).replaceAll('\\n', '\n')
  return [
    part('Images', 'Image', imageFormat('raw', false, true)),
    part('Containers', 'Container', containerFormat('raw', false, true)),
    part('Volumes', 'Volume', volume),
    part('BuildCache', 'Build Cache', rawCache),
  ].join('\n')
}
