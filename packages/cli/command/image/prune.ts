import type { FlagSet } from '../../flag/flag-set.ts'
import { pruneFilterFlag } from '../../flag/kinds.ts'
import { addFilter, filterQuery } from '../../flag/spec/filter.ts'
import type { Filters } from '../../flag/spec/filter.ts'
import { humanSize } from '../../format/units.ts'
import type { Cli } from '../cli.ts'
import type { Action, Command } from '../command.ts'
import { confirm, prunedList, pruneFilters } from '../prune.ts'
import type { Pruned } from '../prune.ts'

const question = (all: boolean): string =>
  `WARNING! This will remove all ${all ? 'images without at least one container associated to them' : 'dangling images'}.
Are you sure you want to continue?`

export const command: Command = {
  use: '[OPTIONS]',
  short: 'Delete unused images',
  args: { kind: 'none' },
  define(flags: FlagSet): Action {
    const all = flags.bool('all', 'a', false, 'Delete all unused images, not only dangling ones')
    const filter = pruneFilterFlag(flags)
    const force = flags.bool('force', 'f', false, 'Do not ask')
    return async (cli) => {
      if (!force.value && !(await confirm(cli, question(all.value)))) return
      const { reclaimed, output } = await pruneImages(cli, filter.value, all.value)
      if (output !== '') cli.print(`${output}\n`)
      cli.print(`Total reclaimed space: ${humanSize(reclaimed)}\n`)
    }
  },
}

interface Report {
  readonly ImagesDeleted?: ReadonlyArray<{ Untagged?: string; Deleted?: string }> | null
  readonly SpaceReclaimed?: number
}

export async function pruneImages(cli: Cli, filters: Filters, all: boolean): Promise<Pruned> {
  const report = await cli.client.call<Report>('POST', '/images/prune', {
    query: { filters: filterQuery(pruneFilters(cli, addFilter(`dangling=${!all}`, filters))) },
  })
  const lines = (report.ImagesDeleted ?? []).map(({ Untagged, Deleted = '' }) =>
    Untagged ? `untagged: ${Untagged}` : `deleted: ${Deleted}`,
  )
  return prunedList('Deleted Images:', lines, report.SpaceReclaimed ?? 0)
}
