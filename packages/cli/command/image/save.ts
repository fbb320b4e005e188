import type { FlagSet } from '../../flag/flag-set.ts'
import { platformQueries } from '../../flag/spec/platform.ts'
import { writeOutput } from '../../terminal/output-file.ts'
import type { Action, Command } from '../command.ts'

export const command: Command = {
  use: '[OPTIONS] IMAGE [IMAGE...]',
  short: 'Write images as a tar archive',
  aliases: ['image save', 'save'],
  args: { kind: 'atLeast', count: 1 },
  define(flags: FlagSet): Action {
    const output = flags.string('output', 'o', '', 'Write to a file in place of STDOUT')
    const platform = flags.string(
      'platform',
      '',
      '',
      'Platforms of the images (os[/arch[/variant]], with commas between)',
    )
    flags.need('platform', { api: '1.48' })
    return (cli, names) =>
      writeOutput(cli, output.value, 'failed to save image', () =>
        cli.client.request('GET', '/images/get', {
          query: { names, platform: platformQueries(platform.value) },
        }),
      )
  },
}
