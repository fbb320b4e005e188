import type { FlagSet } from '../../flag/flag-set.ts'
import type { Action, Command } from '../command.ts'
import { containerPath } from './lifecycle.ts'

export const command: Command = {
  use: 'CONTAINER NEW_NAME',
  short: 'Give a container another name',
  aliases: ['container rename', 'rename'],
  args: { kind: 'exactly', count: 2 },
  define: (_flags: FlagSet): Action => {
    return async (cli, [before = '', after = '']) => {
      const [oldName, newName] = [before.trim(), after.trim()]
      if (oldName === '' || newName === '') {
        throw new Error('Error: Neither old nor new names may be empty')
      }
      try {
        await cli.client.run('POST', `${containerPath(oldName)}/rename`, {
          query: { name: newName },
        })
      } catch (error) {
        cli.printError(`${(error as Error).message}\n`)
        throw new Error(`Error: failed to rename container named ${oldName}`)
      }
    }
  },
}
