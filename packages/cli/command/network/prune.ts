import type { FlagSet } from '../../flag/flag-set.ts'
import { pruneFilterFlag } from '../../flag/kinds.ts'
import { filterQuery } from '../../flag/spec/filter.ts'
import type { Filters } from '../../flag/spec/filter.ts'
import type { Cli } from '../cli.ts'
import type { Action, Command } from '../command.ts'
import { confirm, prunedList, pruneFilters } from '../prune.ts'
import type { Pruned } from '../prune.ts'

const question = `WARNING! This will remove all custom networks not used by at least one container.
Are you sure you want to continue?`

export const command: Command = {
  use: '[OPTIONS]',
  short: 'Delete networks that no container uses',
  args: { kind: 'none' },
  define(flags: FlagSet): Action {
    const filter = pruneFilterFlag(flags)
    const force = flags.bool('force', 'f', false, 'Do not ask')
    return async (cli) => {
      if (!force.value && !(await confirm(cli, question))) return
      const { output } = await pruneNetworks(cli, filter.value)
      if (output !== '') cli.print(`${output}\n`)
    }
  },
}

export async function pruneNetworks(cli: Cli, filters: Filters): Promise<Pruned> {
  const { NetworksDeleted } = await cli.client.call<{
    readonly NetworksDeleted?: readonly string[] | null
  }>('POST', '/networks/prune', {
    query: { filters: filterQuery(pruneFilters(cli, filters)) },
  })
  return prunedList('Deleted Networks:', NetworksDeleted ?? [], 0)
}
