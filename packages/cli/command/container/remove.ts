import type { FlagSet } from '../../flag/flag-set.ts'
import { ApiError } from '../../client/errors.ts'
import type { Action, Command } from '../command.ts'
import { containerPath, forEach } from './lifecycle.ts'

export const command: Command = {
  use: '[OPTIONS] CONTAINER [CONTAINER...]',
  short: 'Delete containers',
  aliases: ['container rm', 'container remove', 'rm'],
  args: { kind: 'atLeast', count: 1 },
  define(flags: FlagSet): Action {
    const force = flags.bool('force', 'f', false, 'Kill running containers first (SIGKILL)')
    const link = flags.bool('link', 'l', false, 'Remove the link of this name')
    const volumes = flags.bool('volumes', 'v', false, 'Remove the anonymous volumes too')
    return (cli, names) =>
      forEach(
        cli,
        names,
        async (name) => {
          const id = name.replace(/^\/+|\/+$/g, '')
          if (id === '') throw new Error('container name cannot be empty')
          await cli.client.run('DELETE', containerPath(id), {
            query: {
              v: volumes.value || undefined,
              link: link.value || undefined,
              force: force.value || undefined,
            },
          })
        },
        { forgive: (error) => force.value && error instanceof ApiError && error.isNotFound },
      )
  },
}
