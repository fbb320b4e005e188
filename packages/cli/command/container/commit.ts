import type { FlagSet } from '../../flag/flag-set.ts'
import { parseReference } from '../../format/reference.ts'
import type { Action, Command } from '../command.ts'

export const command: Command = {
  use: '[OPTIONS] CONTAINER [REPOSITORY[:TAG]]',
  short: "Make an image of a container's changes",
  aliases: ['container commit', 'commit'],
  args: { kind: 'between', least: 1, most: 2 },
  stopAtArgument: true,
  define(flags: FlagSet): Action {
    const author = flags.string(
      'author',
      'a',
      '',
      'Author (such as "John Hannibal Smith <hannibal@a-team.com>")',
    )
    const change = flags.list('change', 'c', 'Apply a Dockerfile instruction to the image')
    const message = flags.string('message', 'm', '', 'Message of the commit')
    const pause = flags.bool('pause', 'p', true, 'Freeze the container meanwhile')
    return async (cli, [container = '', reference = '']) => {
      const { Id } = await cli.client.call<{ Id: string }>('POST', '/commit', {
        query: {
          container,
          ...target(reference),
          comment: message.value || undefined,
          author: author.value || undefined,
          changes: change.value.length > 0 ? change.value : undefined,
          pause: pause.value ? undefined : '0',
        },
      })
      cli.print(`${Id}\n`)
    }
  },
}

function target(reference: string): { repo?: string; tag?: string } {
  if (reference === '') return {}
  const { domain, path, tag, digest } = parseReference(reference)
  if (digest !== undefined) throw new Error('refusing to create a tag with a digest reference')
  return { repo: `${domain}/${path}`, tag: tag ?? 'latest' }
}
