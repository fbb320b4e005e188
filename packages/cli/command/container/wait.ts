import type { FlagSet } from '../../flag/flag-set.ts'
import type { Action, Command } from '../command.ts'
import { containerPath } from './lifecycle.ts'

export const command: Command = {
  use: 'CONTAINER [CONTAINER...]',
  short: 'Wait for containers to stop and print their exit codes',
  aliases: ['container wait', 'wait'],
  args: { kind: 'atLeast', count: 1 },
  define: (_flags: FlagSet): Action => {
    return async (cli, names) => {
      const errors: string[] = []
      for (const name of names) {
        try {
          const path = `${containerPath(name)}/wait`
          const { StatusCode } = await cli.client.call<{ StatusCode: number }>('POST', path)
          cli.print(`${StatusCode}\n`)
        } catch (error) {
          errors.push((error as Error).message)
        }
      }
      if (errors.length > 0) throw new Error(errors.join('\n'))
    }
  },
}
