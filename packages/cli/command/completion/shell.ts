import type { FlagSet } from '../../flag/flag-set.ts'
import type { Action, Command } from '../command.ts'
import { programName } from '../program.ts'

/** A verb that prints the script of one shell. */
export function shellCommand(
  shell: string,
  howto: string,
  script: (program: string) => string,
): Command {
  return {
    use: '',
    short: `Print the completion script for ${shell}\n\n${howto}`,
    args: { kind: 'none' },
    define(flags: FlagSet): Action {
      const bare = flags.bool('no-descriptions', '', false, 'Complete without descriptions')
      return async (cli) => {
        const text = script(programName)
        cli.print(bare.value ? text.replaceAll(' __complete ', ' __completeNoDesc ') : text)
      }
    },
  }
}
