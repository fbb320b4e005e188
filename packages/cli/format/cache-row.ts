import type { CacheRecord } from './disk-usage.ts'
import { shortId } from './row.ts'
import type { Row } from './row.ts'
import { goTimeText, humanDuration, humanSize } from './units.ts'

export const cacheHeaders: Readonly<Record<string, string>> = {
  ID: 'CACHE ID',
  Parent: 'PARENT',
  CacheType: 'CACHE TYPE',
  Size: 'SIZE',
  CreatedSince: 'CREATED',
  LastUsedSince: 'LAST USED',
  UsageCount: 'USAGE',
  InUse: 'IN USE',
  Shared: 'SHARED',
  Description: 'DESCRIPTION',
}

/** The one unused for longest first. */
export function sortCache(records: readonly CacheRecord[]): CacheRecord[] {
  const key = ({ LastUsedAt, ID }: CacheRecord): string => `${LastUsedAt ?? ''} ${ID}`
  return records.toSorted((a, b) => (key(a) < key(b) ? -1 : 1))
}

export function cacheRow(record: CacheRecord, truncate: boolean, now: number): Row {
  const short = (id: string): string => (truncate ? shortId(id) : id)
  const since = (time: string): string => `${humanDuration(now - Date.parse(time))} ago`
  const parent = record.Parents?.length ? record.Parents.join(', ') : (record.Parent ?? '')
  return {
    CacheType: () => record.Type ?? '',
    CreatedAt: () => goTimeText(record.CreatedAt),
    CreatedSince: () => since(record.CreatedAt),
    Description: () => record.Description ?? '',
    ID: () => short(record.ID) + (record.InUse ? '*' : ''),
    InUse: () => String(record.InUse ?? false),
    LastUsedAt: () => (record.LastUsedAt ? goTimeText(record.LastUsedAt) : ''),
    LastUsedSince: () => (record.LastUsedAt ? since(record.LastUsedAt) : ''),
    Parent: () => short(parent),
    Shared: () => String(record.Shared ?? false),
    Size: () => humanSize(record.Size, 3),
    UsageCount: () => String(record.UsageCount ?? 0),
  }
}
