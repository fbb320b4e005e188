import type { Action, Command } from '../command.ts'
import type { FlagSet } from '../../flag/flag-set.ts'
import { stopAction } from './stop-action.ts'

export const command: Command = {
  use: '[OPTIONS] CONTAINER [CONTAINER...]',
  short: 'Stop running containers',
  aliases: ['container stop', 'stop'],
  args: { kind: 'atLeast', count: 1 },
  define: (flags: FlagSet): Action => stopAction(flags, 'stop'),
}
