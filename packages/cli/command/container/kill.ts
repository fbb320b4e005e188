import type { FlagSet } from '../../flag/flag-set.ts'
import type { Action, Command } from '../command.ts'
import { containerPath, forEach } from './lifecycle.ts'

export const command: Command = {
  use: '[OPTIONS] CONTAINER [CONTAINER...]',
  short: 'Send a signal to running containers',
  aliases: ['container kill', 'kill'],
  args: { kind: 'atLeast', count: 1 },
  define(flags: FlagSet): Action {
    const signal = flags.string('signal', 's', '', 'Signal to send, SIGKILL where none is given')
    return (cli, names) =>
      forEach(cli, names, async (name) => {
        await cli.client.run('POST', `${containerPath(name)}/kill`, {
          query: { signal: signal.value || undefined },
        })
      })
  },
}
