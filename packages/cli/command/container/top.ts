import type { ContainerTopResponse } from '@tdocker/api'
import type { FlagSet } from '../../flag/flag-set.ts'
import { tabulate } from '../../format/table.ts'
import type { Action, Command } from '../command.ts'
import { containerPath } from './lifecycle.ts'

export const command: Command = {
  use: 'CONTAINER [ps OPTIONS]',
  short: 'List the processes of a container',
  aliases: ['container top', 'top'],
  args: { kind: 'atLeast', count: 1 },
  stopAtArgument: true,
  define: (_flags: FlagSet): Action => {
    return async (cli, [name = '', ...options]) => {
      const { Titles, Processes } = await cli.client.get<ContainerTopResponse>(
        `${containerPath(name)}/top`,
        { query: { ps_args: options.length > 0 ? options.join(' ') : undefined } },
      )
      const lines = [Titles, ...(Processes ?? [])].map((cells) => `${cells.join('\t')}\n`)
      cli.print(tabulate(lines.join(''), { minWidth: 20, padding: 3 }))
    }
  },
}
