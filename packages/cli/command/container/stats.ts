import type { ContainerSummary } from '@tdocker/api'
import type { FlagSet } from '../../flag/flag-set.ts'
import { formatFlag } from '../../flag/kinds.ts'
import { RowFormat } from '../../format/row.ts'
import { statsHeaders, statsRow, statsTable } from '../../format/stats-row.ts'
import type { Cli } from '../cli.ts'
import type { Action, Command } from '../command.ts'
import { StatsCollector } from './stats-collector.ts'

export const command: Command = {
  use: '[OPTIONS] [CONTAINER...]',
  short: 'Show live what containers use of the host',
  aliases: ['container stats', 'stats'],
  args: { kind: 'atLeast', count: 0 },
  define(flags: FlagSet): Action {
    const all = flags.bool('all', 'a', false, 'Show all containers, not only running ones')
    const format = formatFlag(flags, 'list')
    const noStream = flags.bool('no-stream', '', false, 'Show the first result only')
    const noTrunc = flags.bool('no-trunc', '', false, 'Show everything in full length')
    return async (cli, names) => {
      const wanted = format.value || cli.config.data.statsFormat || 'table'
      const collector = new StatsCollector(cli, !noStream.value)
      try {
        await fill(cli, collector, names, all.value)
        const rows = new RowFormat(wanted === 'table' ? statsTable : wanted)
        const draw = (): string =>
          rows.render(
            collector.entries.map((entry) => statsRow(entry, !noTrunc.value)),
            statsHeaders,
            '*container.statsContext',
          )
        if (noStream.value) cli.print(draw())
        else await redraw(cli, collector, draw, names.length === 0)
      } finally {
        collector.stop()
      }
    }
  },
}

/** Until each has a first sample; errors end the command where the containers were named. */
async function fill(
  cli: Cli,
  collector: StatsCollector,
  names: readonly string[],
  all: boolean,
): Promise<void> {
  if (names.length > 0) {
    await Promise.all(names.map((name) => collector.add(name)))
    const errors = collector.errors()
    if (errors.length > 0) throw new Error(errors.join('\n'))
    return
  }
  // Events first: a container made while the list is on its way would be missed.
  const watching = collector.watch(all)
  await watching.subscribed
  const containers = await cli.client.get<ContainerSummary[]>('/containers/json', {
    query: { all: all || undefined },
  })
  await Promise.all(containers.map(({ Id }) => collector.add(Id.slice(0, 12))))
}

const interval = 500

/** From the top left corner, each line cleared to its end: the screen does not flicker. */
async function redraw(
  cli: Cli,
  collector: StatsCollector,
  draw: () => string,
  follows: boolean,
): Promise<void> {
  for (;;) {
    const lines = draw().split('\n')
    cli.print(`\x1b[H${lines.map((line) => `${line} \x1b[K\n`).join('')}\x1b[J`)
    if (collector.entries.length === 0 && !follows) return
    if (collector.failure) throw collector.failure
    if (collector.ended) return
    await new Promise((resolve) => setTimeout(resolve, interval))
  }
}
