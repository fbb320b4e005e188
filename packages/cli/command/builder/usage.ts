import type { FlagSet } from '../../flag/flag-set.ts'
import { filterFlag, formatFlag } from '../../flag/kinds.ts'
import type { Filters } from '../../flag/spec/filter.ts'
import { cacheHeaders, cacheRow, sortCache } from '../../format/cache-row.ts'
import { cacheDetails, cacheSummary, cacheTable } from '../../format/cache-usage.ts'
import { type CacheRecord, type DiskUsageAnswer, diskUsage } from '../../format/disk-usage.ts'
import { RowFormat } from '../../format/row.ts'
import { atLeast } from '../../client/client.ts'
import type { Action, Command } from '../command.ts'

export const command: Command = {
  use: '[OPTIONS]',
  short: 'Show what the build cache holds',
  args: { kind: 'none' },
  define(flags: FlagSet): Action {
    const filter = filterFlag(flags)
    const format = formatFlag(flags, 'list')
    const verbose = flags.bool('verbose', '', false, 'Show all of each record')
    return async (cli) => {
      const fits = recordFilter(filter.value)
      const version = await cli.client.version()
      const answer = await cli.client.get<DiskUsageAnswer>('/system/df', {
        query: {
          type: atLeast(version, '1.42') ? 'build-cache' : undefined,
          verbose: atLeast(version, '1.52') || undefined,
        },
      })
      const records = sortCache(diskUsage(answer).buildCache.items).filter(fits)
      const now = Date.now()
      if (format.value !== '') {
        const rows = records.map((record) => cacheRow(record, false, now))
        const text = new RowFormat(format.value === 'table' ? TABLE : format.value)
        return cli.print(text.render(rows, cacheHeaders, '*formatter.buildCacheContext'))
      }
      cli.print(verbose.value ? cacheDetails(records, now) : cacheTable(records, now))
      if (Object.keys(filter.value).length === 0) cli.print(cacheSummary(records))
    }
  },
}

const TABLE =
  'table {{.ID}}\t{{.CacheType}}\t{{.Size}}\t{{.CreatedSince}}\t{{.LastUsedSince}}\t{{.UsageCount}}\t{{.Shared}}'

const isTrue = (value: string): boolean => value === '' || value === '1' || value === 'true'

const FIELDS: Readonly<Record<string, (record: CacheRecord, value: string) => boolean>> = {
  id: ({ ID }, value) => ID.includes(value),
  parent: ({ Parents }, value) => (Parents ?? []).some((parent) => parent.startsWith(value)),
  type: ({ Type }, value) => Type === value,
  description: ({ Description = '' }, value) => Description.includes(value),
  inuse: ({ InUse = false }, value) => InUse === isTrue(value),
  shared: ({ Shared = false }, value) => Shared === isTrue(value),
  private: ({ Shared = false }, value) => Shared !== isTrue(value),
}

function recordFilter(filters: Filters): (record: CacheRecord) => boolean {
  const tests = Object.entries(filters).map(([name, values]) => {
    const holds = FIELDS[name]
    if (!holds) throw new Error(`invalid filter '${name}'`)
    return (record: CacheRecord) => Object.keys(values).some((value) => holds(record, value))
  })
  return (record) => tests.every((test) => test(record))
}
