import type { FlagSet } from '../../flag/flag-set.ts'
import type { Action, Command } from '../command.ts'
import { networkPath } from './path.ts'

export const command: Command = {
  use: '[OPTIONS] NETWORK CONTAINER',
  short: 'Disconnect a container from a network',
  args: { kind: 'exactly', count: 2 },
  define(flags: FlagSet): Action {
    const force = flags.bool('force', 'f', false, 'Disconnect it in any case')
    return async (cli, [network = '', Container = '']) => {
      await cli.client.run('POST', `${networkPath(network)}/disconnect`, {
        body: { Container, Force: force.value },
      })
    }
  },
}
