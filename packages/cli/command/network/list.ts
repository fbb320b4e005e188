import type { NetworkSummary } from '@tdocker/api'
import type { FlagSet } from '../../flag/flag-set.ts'
import { filterFlag, formatFlag } from '../../flag/kinds.ts'
import { filterQuery } from '../../flag/spec/filter.ts'
import { compareNatural } from '../../format/natural.ts'
import { networkFormat, networkHeaders, networkRow } from '../../format/network-row.ts'
import { RowFormat } from '../../format/row.ts'
import type { Action, Command } from '../command.ts'

export const command: Command = {
  use: '[OPTIONS]',
  short: 'List networks',
  aliases: ['network ls', 'network list'],
  args: { kind: 'none' },
  define(flags: FlagSet): Action {
    const filter = filterFlag(flags)
    const format = formatFlag(flags, 'list')
    const noTrunc = flags.bool('no-trunc', '', false, 'Show everything in full length')
    const quiet = flags.bool('quiet', 'q', false, 'Show IDs only')
    return async (cli) => {
      const networks = await cli.client.get<NetworkSummary[]>('/networks', {
        query: { filters: filterQuery(filter.value) },
      })
      const configured = quiet.value ? '' : cli.config.data.networksFormat
      const wanted = format.value || configured || 'table'
      const rows = networks
        .sort((a, b) => compareNatural(a.Name, b.Name))
        .map((network) => networkRow(network, !noTrunc.value))
      const text = new RowFormat(networkFormat(wanted, quiet.value))
      cli.print(text.render(rows, networkHeaders, '*network.networkContext'))
    }
  },
}
