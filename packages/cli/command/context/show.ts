import type { FlagSet } from '../../flag/flag-set.ts'
import type { Action, Command } from '../command.ts'

export const command: Command = {
  use: '',
  short: 'Print the name of the context in use',
  args: { kind: 'none' },
  define: (_flags: FlagSet): Action => {
    return async (cli) => cli.print(`${cli.contextName}\n`)
  },
}
