import type { FlagSet } from '../../flag/flag-set.ts'
import { eraseAuth, hubKey, isStored } from '../../client/credentials.ts'
import type { Action, Command } from '../command.ts'
import { serverKey } from './server.ts'

export const command: Command = {
  use: '[SERVER]',
  short: 'Sign out of a registry.\nWithout a server it is Docker Hub.',
  args: { kind: 'atMost', count: 1 },
  define: (_flags: FlagSet): Action => {
    return async (cli, [server = '']) => {
      const key = serverKey(server)
      // Files written by other programs have the address with its scheme.
      const keys = key === hubKey ? [key] : [key, `http://${key}`, `https://${key}`]
      const stored = keys.filter((name) => isStored(cli.config.data, name))
      cli.print(`Removing login credentials for ${key}\n`)
      const problems: string[] = []
      for (const name of stored) {
        try {
          await eraseAuth(cli.config, name)
        } catch (error) {
          problems.push(`${name}: ${(error as Error).message}\n`)
        }
      }
      // A helper program need not know every form of the name.
      if (problems.length === 0 || problems.length < stored.length) return
      cli.printError(`WARNING: could not erase credentials:\n${problems.join('')}`)
    }
  },
}
