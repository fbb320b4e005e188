import type { FlagSet } from '../../flag/flag-set.ts'
import { writeOutput } from '../../terminal/output-file.ts'
import type { Action, Command } from '../command.ts'
import { containerPath } from './lifecycle.ts'

export const command: Command = {
  use: '[OPTIONS] CONTAINER',
  short: "Write a container's file system as a tar archive",
  aliases: ['container export', 'export'],
  args: { kind: 'exactly', count: 1 },
  define(flags: FlagSet): Action {
    const output = flags.string('output', 'o', '', 'Write to a file in place of STDOUT')
    return (cli, [name = '']) =>
      writeOutput(cli, output.value, 'failed to export container', () =>
        cli.client.request('GET', `${containerPath(name)}/export`),
      )
  },
}
