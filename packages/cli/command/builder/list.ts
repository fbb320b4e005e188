import type { BuildSummary } from '@tdocker/api'
import type { FlagSet } from '../../flag/flag-set.ts'
import { formatFlag } from '../../flag/kinds.ts'
import { buildFormat, buildHeaders, buildRow } from '../../format/build-row.ts'
import { RowFormat } from '../../format/row.ts'
import type { Action, Command } from '../command.ts'
import { onlyOurs } from '../only-ours.ts'

export const command: Command = {
  use: '[OPTIONS]',
  short: 'List builds that ran and those at work',
  aliases: ['builder ls', 'builder list'],
  args: { kind: 'none' },
  define(flags: FlagSet): Action {
    const format = formatFlag(flags, 'list')
    const noTrunc = flags.bool('no-trunc', '', false, 'Show everything in full length')
    const quiet = flags.bool('quiet', 'q', false, 'Show IDs only')
    return async (cli) => {
      const builds = await onlyOurs('The history of builds', () =>
        cli.client.get<BuildSummary[]>('/build/history'),
      )
      const now = Date.now()
      const rows = builds.map((build) => buildRow(build, !noTrunc.value, now))
      const text = new RowFormat(buildFormat(format.value || 'table', quiet.value))
      cli.print(text.render(rows, buildHeaders, '*builder.historyContext'))
    }
  },
}
