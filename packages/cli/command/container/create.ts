import type { FlagSet } from '../../flag/flag-set.ts'
import type { Action, Command } from '../command.ts'
import { createContainer, requestOf } from './creation.ts'
import { containerFlags } from './options.ts'

export const command: Command = {
  use: '[OPTIONS] IMAGE [COMMAND] [ARG...]',
  short: 'Create a container without starting it',
  aliases: ['container create', 'create'],
  args: { kind: 'atLeast', count: 1 },
  stopAtArgument: true,
  define(flags: FlagSet): Action {
    const all = containerFlags(flags, 'create')
    return async (cli, args) => {
      const request = requestOf(cli, all, args, 'create')
      cli.print(`${await createContainer(cli, all, request)}\n`)
    }
  },
}
