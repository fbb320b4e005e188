import { ApiError } from '../../client/errors.ts'
import type { FlagSet } from '../../flag/flag-set.ts'
import { StatusError } from '../cli.ts'
import type { Cli } from '../cli.ts'
import type { Action, Command } from '../command.ts'
import { confirm } from '../prune.ts'
import { networkPath } from './path.ts'

const question =
  'WARNING! Before removing the routing-mesh network, make sure all the nodes in your swarm run ' +
  'the same docker engine version. Otherwise, removal may not be effective and functionality of ' +
  'newly create ingress networks will be impaired.\nAre you sure you want to continue?'

export const command: Command = {
  use: 'NETWORK [NETWORK...]',
  short: 'Delete networks',
  aliases: ['network rm', 'network remove'],
  args: { kind: 'atLeast', count: 1 },
  define(flags: FlagSet): Action {
    const force = flags.bool('force', 'f', false, 'Say nothing of networks that are not there')
    return async (cli, names) => {
      let failed = false
      for (const name of names) {
        if ((await isIngress(cli, name)) && !(await confirm(cli, question))) continue
        try {
          await cli.client.run('DELETE', networkPath(name))
          cli.print(`${name}\n`)
        } catch (error) {
          if (force.value && error instanceof ApiError && error.isNotFound) continue
          cli.printError(`${(error as Error).message}\n`)
          failed = true
        }
      }
      if (failed) throw new StatusError(1, 'exit status 1')
    }
  },
}

async function isIngress(cli: Cli, name: string): Promise<boolean> {
  try {
    return (await cli.client.get<{ Ingress?: boolean }>(networkPath(name))).Ingress === true
  } catch (error) {
    if (error instanceof ApiError) return false
    throw error
  }
}
