import type { FlagSet } from '../../flag/flag-set.ts'
import { bytesFlag, pruneFilterFlag } from '../../flag/kinds.ts'
import { filterQuery } from '../../flag/spec/filter.ts'
import { humanSize } from '../../format/units.ts'
import type { Action, Command } from '../command.ts'
import { confirm, prunedList, pruneFilters } from '../prune.ts'

const question = (all: boolean): string =>
  `WARNING! This will remove all ${all ? '' : 'dangling '}build cache. Are you sure you want to continue?`

interface Report {
  readonly CachesDeleted?: readonly string[] | null
  readonly SpaceReclaimed?: number
}

export const command: Command = {
  use: '[OPTIONS]',
  short: 'Remove what the build cache holds',
  args: { kind: 'none' },
  define(flags: FlagSet): Action {
    const all = flags.bool('all', 'a', false, 'Remove also what named images are made of')
    const filter = pruneFilterFlag(flags)
    const force = flags.bool('force', 'f', false, 'Do not ask')
    const keep = bytesFlag(flags, 'keep-storage', 'Room that the cache may keep')
    const reserved = bytesFlag(flags, 'reserved-space', 'Room that the cache may keep in any case')
    const most = bytesFlag(flags, 'max-used-space', 'Most room that the cache may take')
    const free = bytesFlag(flags, 'min-free-space', 'Room on the disk that is to be free')
    for (const name of ['reserved-space', 'max-used-space', 'min-free-space'])
      flags.need(name, { api: '1.48' })
    return async (cli) => {
      if (!force.value && !(await confirm(cli, question(all.value)))) return
      const report = await cli.client.call<Report>('POST', '/build/prune', {
        query: {
          all: all.value || undefined,
          'keep-storage': keep.value || undefined,
          'reserved-space': reserved.value || undefined,
          'max-used-space': most.value || undefined,
          'min-free-space': free.value || undefined,
          filters: filterQuery(pruneFilters(cli, filter.value)),
        },
      })
      const { output } = prunedList('Deleted build cache objects:', report.CachesDeleted ?? [], 0)
      if (output !== '') cli.print(`${output}\n`)
      cli.print(`Total reclaimed space: ${humanSize(report.SpaceReclaimed ?? 0)}\n`)
    }
  },
}
