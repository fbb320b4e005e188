import type { FlagSet } from '../../flag/flag-set.ts'
import type { Action, Command } from '../command.ts'
import { containerPath, forEach } from './lifecycle.ts'

export const command: Command = {
  use: 'CONTAINER [CONTAINER...]',
  short: 'Let the processes of paused containers go on',
  aliases: ['container unpause', 'unpause'],
  args: { kind: 'atLeast', count: 1 },
  define: (_flags: FlagSet): Action => {
    return (cli, names) =>
      forEach(cli, names, async (name) => {
        await cli.client.run('POST', `${containerPath(name)}/unpause`)
      })
  },
}
