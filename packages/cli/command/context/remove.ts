import { defaultContext } from '../../client/context-store.ts'
import type { FlagSet } from '../../flag/flag-set.ts'
import { quote } from '../../flag/scalar.ts'
import type { Action, Command } from '../command.ts'
import { oneByOne } from '../one-by-one.ts'

export const command: Command = {
  use: 'CONTEXT [CONTEXT...]',
  short: 'Delete contexts',
  aliases: ['context rm', 'context remove'],
  args: { kind: 'atLeast', count: 1 },
  define(flags: FlagSet): Action {
    const force = flags.bool('force', 'f', false, 'Delete a context although it is in use')
    return (cli, names) =>
      oneByOne(cli, names, async (name) => {
        if (name === defaultContext) throw new Error('context "default" cannot be removed')
        if (name === cli.contextName) {
          if (!force.value) {
            throw new Error(`context ${quote(name)} is in use, set -f flag to force remove`)
          }
          delete cli.config.data.currentContext
          cli.config.save()
        }
        if (!force.value && !cli.contexts.has(name)) {
          throw new Error(`context ${quote(name)} does not exist`)
        }
        cli.contexts.remove(name)
      })
  },
}
