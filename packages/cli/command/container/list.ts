import type { ContainerSummary } from '@tdocker/api'
import type { FlagSet } from '../../flag/flag-set.ts'
import { filterFlag, formatFlag, intFlag } from '../../flag/kinds.ts'
import { filterQuery } from '../../flag/spec/filter.ts'
import { containerFormat, containerHeaders, containerRow } from '../../format/container-row.ts'
import { parseFormat, RowFormat, warnQuiet } from '../../format/row.ts'
import type { Action, Command } from '../command.ts'

export const command: Command = {
  use: '[OPTIONS]',
  short: 'List containers',
  aliases: ['container ls', 'container list', 'container ps', 'ps'],
  args: { kind: 'none' },
  define(flags: FlagSet): Action {
    const all = flags.bool('all', 'a', false, 'Show all containers, not only running ones')
    const filter = filterFlag(flags)
    const format = formatFlag(flags, 'list')
    const last = intFlag(
      flags,
      'last',
      'Show this many of the newest containers, whatever their state',
      {
        shorthand: 'n',
        initial: -1,
      },
    )
    const latest = flags.bool('latest', 'l', false, 'Show the newest container, whatever its state')
    const noTrunc = flags.bool('no-trunc', '', false, 'Show everything in full length')
    const quiet = flags.bool('quiet', 'q', false, 'Show IDs only')
    const size = flags.bool('size', 's', false, 'Show how much room they take')
    return async (cli) => {
      if (format.value && quiet.value) warnQuiet(cli)
      const wanted = format.value || cli.config.data.psFormat || ''
      if (format.value) checkFormat(wanted)
      const needsSize = size.changed
        ? size.value
        : !quiet.value && /\.Size\b|json\s+\.\s*[})]/.test(wanted)
      const limit = latest.value && last.value === -1 ? 1 : last.value
      const containers = await cli.client.get<ContainerSummary[]>('/containers/json', {
        query: {
          all: all.value || undefined,
          limit: limit > 0 ? limit : undefined,
          size: needsSize || undefined,
          filters: filterQuery(filter.value),
        },
      })
      const rows = new RowFormat(containerFormat(wanted, quiet.value, needsSize))
      const now = Date.now()
      cli.print(
        rows.render(
          containers.map((container) => containerRow(container, !noTrunc.value, now)),
          containerHeaders,
          '*formatter.ContainerContext',
        ),
      )
    }
  },
}

// Fields are methods that read on demand: a container without properties is enough to name them.
const sample = {
  Id: '',
  Image: '',
  ImageID: '',
  Command: '',
  Status: '',
  Created: 0,
} as ContainerSummary

/** A field that does not exist is refused before the daemon is asked. */
function checkFormat(format: string): void {
  const rows = parseFormat(format)
  try {
    rows.render([containerRow(sample, true, 0)], containerHeaders, '*formatter.ContainerContext')
  } catch (error) {
    const { message } = error as Error
    throw new Error(
      `failed to execute template: ${message.replace(/^template parsing error: /, '')}`,
    )
  }
}
