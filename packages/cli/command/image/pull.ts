import type { FlagSet } from '../../flag/flag-set.ts'
import { parseReference } from '../../format/reference.ts'
import type { Action, Command } from '../command.ts'
import { pullImage } from './pull-image.ts'

export const command: Command = {
  use: '[OPTIONS] NAME[:TAG|@DIGEST]',
  short: 'Fetch an image from a registry',
  aliases: ['image pull', 'pull'],
  args: { kind: 'exactly', count: 1 },
  define(flags: FlagSet): Action {
    const allTags = flags.bool('all-tags', 'a', false, 'Fetch all tags of the repository')
    flags.bool('disable-content-trust', '', true, 'Do not check signatures of images')
    const initial = process.env['DOCKER_DEFAULT_PLATFORM'] ?? ''
    const platform = flags.string(
      'platform',
      '',
      initial,
      'Platform of the image, where it has several',
    )
    const quiet = flags.bool('quiet', 'q', false, 'Show the name only')
    return async (cli, [name = '']) => {
      const { domain, path, tag, digest } = parseReference(name)
      const bare = tag === undefined && digest === undefined
      if (allTags.value && !bare) throw new Error("tag can't be used with --all-tags/-a")
      if (!allTags.value && bare && !quiet.value) cli.print('Using default tag: latest\n')
      await pullImage(cli, name, {
        platform: platform.value,
        quiet: quiet.value,
        allTags: allTags.value,
        out: cli.stdout,
      })
      const shownTag = tag ?? (bare && !allTags.value ? 'latest' : undefined)
      cli.print(`${domain}/${path}${shownTag ? `:${shownTag}` : ''}${digest ? `@${digest}` : ''}\n`)
    }
  },
}
