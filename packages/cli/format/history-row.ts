import type { ImageHistoryResponseItem } from '@tdocker/api'
import { ellipsis, shortId } from './row.ts'
import type { Row } from './row.ts'
import { humanDuration, humanSize, localRfc3339 } from './units.ts'

export const historyHeaders: Readonly<Record<string, string>> = {
  ID: 'IMAGE',
  CreatedSince: 'CREATED',
  CreatedAt: 'CREATED AT',
  CreatedBy: 'CREATED BY',
  Size: 'SIZE',
  Comment: 'COMMENT',
}

/** The template behind what the user asked for. */
export function historyFormat(format: string, quiet: boolean, human: boolean): string {
  if (format !== 'table') return format
  if (quiet) return '{{.ID}}'
  const created = human ? 'CreatedSince' : 'CreatedAt'
  return `table {{.ID}}\t{{.${created}}}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}`
}

/** Reproducible builds have dates that say nothing. */
const epoch = Date.UTC(2000, 0, 1) / 1000

export function historyRow(
  item: ImageHistoryResponseItem,
  options: { readonly truncate: boolean; readonly human: boolean; readonly now: number },
): Row {
  const { truncate, human, now } = options
  const createdBy = item.CreatedBy.replaceAll('\t', ' ')
  const createdAt = (): string => localRfc3339(item.Created)
  const since = (): string => `${humanDuration(now - item.Created * 1000)} ago`
  return {
    Comment: () => item.Comment,
    CreatedAt: createdAt,
    CreatedBy: () => (truncate ? ellipsis(createdBy, 45) : createdBy),
    CreatedSince: () => (!human ? createdAt() : item.Created <= epoch ? 'N/A' : since()),
    ID: () => (truncate ? shortId(item.Id) : item.Id),
    Size: () => (human ? humanSize(item.Size, 3) : String(item.Size)),
  }
}
