import type { FlagSet } from '../../flag/flag-set.ts'
import type { Action, Command } from '../command.ts'
import { oneByOne } from '../one-by-one.ts'
import { volumePath } from './path.ts'

export const command: Command = {
  use: '[OPTIONS] VOLUME [VOLUME...]',
  short: 'Delete volumes that no container uses',
  aliases: ['volume rm', 'volume remove'],
  args: { kind: 'atLeast', count: 1 },
  define(flags: FlagSet): Action {
    const force = flags.bool('force', 'f', false, 'Say nothing of volumes that are not there')
    flags.need('force', { api: '1.25' })
    return (cli, names) =>
      oneByOne(cli, names, async (name) =>
        cli.client.run('DELETE', volumePath(name), {
          query: { force: force.value || undefined },
        }),
      )
  },
}
