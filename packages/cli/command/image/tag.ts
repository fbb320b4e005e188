import type { FlagSet } from '../../flag/flag-set.ts'
import { parseReference } from '../../format/reference.ts'
import type { Action, Command } from '../command.ts'
import { imagePath } from './path.ts'

export const command: Command = {
  use: 'SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]',
  short: 'Give an image another name',
  aliases: ['image tag', 'tag'],
  args: { kind: 'exactly', count: 2 },
  define: (_flags: FlagSet): Action => {
    return async (cli, [source = '', target = '']) => {
      const { domain, path, tag, digest } = checked(target)
      if (digest !== undefined) throw new Error('refusing to create a tag with a digest reference')
      await cli.client.run('POST', `${imagePath(source)}/tag`, {
        query: { repo: `${domain}/${path}`, tag: tag ?? 'latest' },
      })
    }
  },
}

function checked(target: string): ReturnType<typeof parseReference> {
  try {
    return parseReference(target)
  } catch (error) {
    throw new Error(
      `Error parsing reference: "${target}" is not a valid repository/tag: ${(error as Error).message}`,
    )
  }
}
