import type { FlagSet } from '../../flag/flag-set.ts'
import type { Action, Command } from '../command.ts'
import { nounInspect } from '../system/inspect.ts'

export const command: Command = {
  use: '[OPTIONS] PLUGIN [PLUGIN...]',
  short: 'Show all details of plugins',
  args: { kind: 'atLeast', count: 1 },
  define: (flags: FlagSet): Action => nounInspect('plugin', flags),
}
