import { atLeast } from '../../client/client.ts'
import type { FlagSet } from '../../flag/flag-set.ts'
import { formatFlag } from '../../flag/kinds.ts'
import { diskUsage, usageFormat, usageHeaders, usageRows } from '../../format/disk-usage.ts'
import type { DiskUsageAnswer } from '../../format/disk-usage.ts'
import { RowFormat } from '../../format/row.ts'
import type { Action, Command } from '../command.ts'

export const command: Command = {
  use: '[OPTIONS]',
  short: 'Show how much room images, containers and volumes take',
  args: { kind: 'none' },
  define(flags: FlagSet): Action {
    const format = formatFlag(flags, 'list')
    const verbose = flags.bool('verbose', 'v', false, 'Show each object')
    return async (cli) => {
      // Older daemons always send the lists and know no such parameter.
      const asks = verbose.value && atLeast(await cli.client.version(), '1.52')
      const answer = await cli.client.get<DiskUsageAnswer>('/system/df', {
        query: { verbose: asks || undefined },
      })
      const wanted = format.value || 'table'
      const usage = diskUsage(answer)
      if (verbose.value) {
        const { usageDetails } = await import('../../format/disk-usage-details.ts')
        return cli.print(usageDetails(usage, wanted, Date.now()))
      }
      const rows = new RowFormat(usageFormat(wanted))
      cli.print(rows.render(usageRows(usage), usageHeaders, '*formatter.diskUsageImagesContext'))
    }
  },
}
