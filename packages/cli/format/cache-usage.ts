/** `builder du`: what the build cache holds, as buildx writes it. */
import type { CacheRecord } from './disk-usage.ts'
import { tabulate } from './table.ts'
import { humanDuration, humanSize } from './units.ts'

const LAYOUT = { minWidth: 1, padding: 2 }

/** One line each. A star says: of an id, that it changes with use; of a size, that images share it. */
export function cacheTable(records: readonly CacheRecord[], now: number): string {
  const lines = records.map((record) => {
    const id = `${record.ID}${isMutable(record) ? '*' : ''}`
    const size = `${humanSize(record.Size)}${record.Shared ? '*' : ''}`
    return `${id}\t${!record.InUse}\t${size}\t${lastUsed(record, now)}\n`
  })
  return tabulate(`ID\tRECLAIMABLE\tSIZE\tLAST ACCESSED\n${lines.join('')}`, LAYOUT)
}

/** A block each. */
export function cacheDetails(records: readonly CacheRecord[], now: number): string {
  return records
    .map((record) => {
      const parents = record.Parents ?? (record.Parent ? [record.Parent] : [])
      const facts: ReadonlyArray<readonly [string, string]> = [
        ['ID', record.ID],
        ['Parent', parents.join(',')],
        ['Created at', record.CreatedAt],
        ['Mutable', String(isMutable(record))],
        ['Reclaimable', String(!record.InUse)],
        ['Shared', String(record.Shared ?? false)],
        ['Size', humanSize(record.Size)],
        ['Description', record.Description ?? ''],
        ['Usage count', String(record.UsageCount ?? 0)],
        ['Last used', lastUsed(record, now)],
        ['Type', record.Type ?? ''],
      ]
      const told = facts.filter(([, value]) => value !== '')
      const lines = told.map(([name, value]) => `${name}:\t${value.replaceAll(/\s+/g, ' ')}\n`)
      return `${tabulate(lines.join(''), LAYOUT)}\n`
    })
    .join('')
}

export function cacheSummary(records: readonly CacheRecord[]): string {
  const sum = (some: readonly CacheRecord[]): number =>
    some.reduce((bytes, { Size }) => bytes + Math.max(0, Size), 0)
  const total = sum(records)
  const shared = sum(records.filter(({ Shared }) => Shared))
  const lines = [
    ...(shared > 0
      ? [`Shared:\t${humanSize(shared)}`, `Private:\t${humanSize(total - shared)}`]
      : []),
    `Reclaimable:\t${humanSize(sum(records.filter(({ InUse }) => !InUse)))}`,
    `Total:\t${humanSize(total)}`,
  ]
  return tabulate(`${lines.join('\n')}\n`, LAYOUT)
}

function isMutable({ Type }: CacheRecord): boolean {
  return Type === 'exec.cachemount'
}

function lastUsed({ LastUsedAt }: CacheRecord, now: number): string {
  return LastUsedAt ? `${humanDuration(now - Date.parse(LastUsedAt))} ago` : ''
}
