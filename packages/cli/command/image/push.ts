import { authFor, encodeAuth } from '../../client/credentials.ts'
import type { FlagSet } from '../../flag/flag-set.ts'
import { platformQuery } from '../../flag/spec/platform.ts'
import { showProgress } from '../../format/progress.ts'
import { familiarRepository, parseReference } from '../../format/reference.ts'
import type { Action, Command } from '../command.ts'
import { imagePath } from './path.ts'

export const command: Command = {
  use: '[OPTIONS] NAME[:TAG]',
  short: 'Bring an image to a registry',
  aliases: ['image push', 'push'],
  args: { kind: 'exactly', count: 1 },
  define(flags: FlagSet): Action {
    const allTags = flags.bool('all-tags', 'a', false, 'Push all tags of the repository')
    flags.bool('disable-content-trust', '', true, 'Do not sign images')
    const platform = flags.string(
      'platform',
      '',
      process.env['DOCKER_DEFAULT_PLATFORM'] ?? '',
      'Push the variant of this platform only (os[/arch[/variant]])',
    )
    flags.need('platform', { api: '1.46' })
    const quiet = flags.bool('quiet', 'q', false, 'Show the name only')
    return async (cli, [name = '']) => {
      const reference = parseReference(name)
      const { domain, path, tag, digest } = reference
      const bare = tag === undefined && digest === undefined
      if (allTags.value && !bare) throw new Error("tag can't be used with --all-tags/-a")
      if (!allTags.value && bare && !quiet.value) cli.print('Using default tag: latest\n')
      const pushed = allTags.value ? undefined : (digest ?? tag ?? 'latest')
      const auth = (await authFor(cli.config.data, domain)) ?? {}
      const response = await cli.client.request(
        'POST',
        `${imagePath(familiarRepository(reference))}/push`,
        {
          query: { tag: pushed, platform: platformQuery(platform.value) },
          headers: { 'X-Registry-Auth': encodeAuth(auth) },
        },
      )
      await showProgress(response, cli.stdout, quiet.value)
      if (!quiet.value) return
      const ending = digest ? `@${digest}` : pushed ? `:${pushed}` : ''
      cli.print(`${domain}/${path}${ending}\n`)
    }
  },
}
