import { atLeast } from '../../client/client.ts'
import type { FlagSet } from '../../flag/flag-set.ts'
import { pruneFilterFlag } from '../../flag/kinds.ts'
import { addFilter, filterQuery } from '../../flag/spec/filter.ts'
import type { Filters } from '../../flag/spec/filter.ts'
import { humanSize } from '../../format/units.ts'
import type { Cli } from '../cli.ts'
import type { Action, Command } from '../command.ts'
import { confirm, prunedList, pruneFilters } from '../prune.ts'
import type { Pruned } from '../prune.ts'

const question = (which: string): string =>
  `WARNING! This will remove ${which} local volumes not used by at least one container.
Are you sure you want to continue?`

export const command: Command = {
  use: '[OPTIONS]',
  short: 'Delete volumes that no container uses',
  args: { kind: 'none' },
  define(flags: FlagSet): Action {
    const all = flags.bool('all', 'a', false, 'Delete named volumes too, not only anonymous ones')
    flags.need('all', { api: '1.42' })
    const filter = pruneFilterFlag(flags)
    const force = flags.bool('force', 'f', false, 'Do not ask')
    return async (cli) => {
      if (all.value && pruneFilters(cli, filter.value)['all'] !== undefined) {
        throw new Error('conflicting options: cannot specify both --all and --filter all=1')
      }
      // Older daemons know no anonymous volumes: they take them all.
      const every = all.value || !atLeast(await cli.client.version(), '1.42')
      const which = every ? 'all' : 'anonymous'
      if (!force.value && !(await confirm(cli, question(which)))) return
      const filters = all.value ? addFilter('all=true', filter.value) : filter.value
      const { reclaimed, output } = await pruneVolumes(cli, filters)
      if (output !== '') cli.print(`${output}\n`)
      cli.print(`Total reclaimed space: ${humanSize(reclaimed)}\n`)
    }
  },
}

interface Report {
  readonly VolumesDeleted?: readonly string[] | null
  readonly SpaceReclaimed?: number
}

export async function pruneVolumes(cli: Cli, filters: Filters): Promise<Pruned> {
  const report = await cli.client.call<Report>('POST', '/volumes/prune', {
    query: { filters: filterQuery(pruneFilters(cli, filters)) },
  })
  return prunedList('Deleted Volumes:', report.VolumesDeleted ?? [], report.SpaceReclaimed ?? 0)
}
