import type { FlagSet } from '../../flag/flag-set.ts'
import { pruneFilterFlag } from '../../flag/kinds.ts'
import type { Filters } from '../../flag/spec/filter.ts'
import { filterQuery } from '../../flag/spec/filter.ts'
import { humanSize } from '../../format/units.ts'
import type { Cli } from '../cli.ts'
import type { Action, Command } from '../command.ts'
import { confirm, prunedList, pruneFilters } from '../prune.ts'
import type { Pruned } from '../prune.ts'

const question = `WARNING! This will remove all stopped containers.
Are you sure you want to continue?`

export const command: Command = {
  use: '[OPTIONS]',
  short: 'Delete all stopped containers',
  args: { kind: 'none' },
  define(flags: FlagSet): Action {
    const filter = pruneFilterFlag(flags)
    const force = flags.bool('force', 'f', false, 'Do not ask')
    return async (cli) => {
      if (!force.value && !(await confirm(cli, question))) return
      const { reclaimed, output } = await pruneContainers(cli, filter.value)
      if (output !== '') cli.print(`${output}\n`)
      cli.print(`Total reclaimed space: ${humanSize(reclaimed)}\n`)
    }
  },
}

interface Report {
  readonly ContainersDeleted?: readonly string[] | null
  readonly SpaceReclaimed?: number
}

export async function pruneContainers(cli: Cli, filters: Filters): Promise<Pruned> {
  const report = await cli.client.call<Report>('POST', '/containers/prune', {
    query: { filters: filterQuery(pruneFilters(cli, filters)) },
  })
  return prunedList(
    'Deleted Containers:',
    report.ContainersDeleted ?? [],
    report.SpaceReclaimed ?? 0,
  )
}
