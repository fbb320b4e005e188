import { checkContextName, defaultContext } from '../../client/context-store.ts'
import type { FlagSet } from '../../flag/flag-set.ts'
import { quote } from '../../flag/scalar.ts'
import type { Action, Command } from '../command.ts'
import { overrideWarning } from './override.ts'

export const command: Command = {
  use: 'CONTEXT',
  short: 'Use a context from now on',
  args: { kind: 'exactly', count: 1 },
  define: (_flags: FlagSet): Action => {
    return async (cli, [name = '']) => {
      const isDefault = name === defaultContext
      if (!isDefault) {
        checkContextName(name)
        cli.contexts.get(name)
      }
      const { config } = cli
      const wanted = isDefault ? undefined : name
      if (config.data.currentContext !== wanted) {
        if (wanted === undefined) delete config.data.currentContext
        else config.data.currentContext = wanted
        config.save()
      }
      cli.print(`${name}\n`)
      cli.printError(`Current context is now ${quote(name)}\n`)
      if (!isDefault && cli.env['DOCKER_HOST']) cli.printError(overrideWarning(name))
    }
  },
}
