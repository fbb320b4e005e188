import type { FilesystemChange } from '@tdocker/api'
import type { FlagSet } from '../../flag/flag-set.ts'
import type { Action, Command } from '../command.ts'
import { containerPath } from './lifecycle.ts'

const letters = ['C', 'A', 'D']

export const command: Command = {
  use: 'CONTAINER',
  short: "Show what changed in a container's file system",
  aliases: ['container diff', 'diff'],
  args: { kind: 'exactly', count: 1 },
  define: (_flags: FlagSet): Action => {
    return async (cli, [name = '']) => {
      if (name === '') throw new Error('Container name cannot be empty')
      const changes = await cli.client.get<FilesystemChange[] | null>(
        `${containerPath(name)}/changes`,
      )
      const lines = (changes ?? []).map(({ Kind, Path }) => `${letters[Kind] ?? ''} ${Path}\n`)
      cli.print(lines.join(''))
    }
  },
}
