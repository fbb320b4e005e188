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
    // Not of DOCKER_DEFAULT_PLATFORM: without the flag the image goes as it is.
    const platform = flags.string(
      'platform',
      '',
      '',
      'Push the variant of this platform only (os[/arch[/variant]])',
    )
    flags.need('platform', { api: '1.46' })
    const quiet = flags.bool('quiet', 'q', false, 'Show the name only')
    return async (cli, [name = '']) => {
      const query = platformQuery(platform.value)
      if (query !== undefined) cli.print(PLATFORM_NOTE)
      const reference = parseReference(name)
      const { domain, path, tag, digest } = reference
      const bare = tag === undefined && digest === undefined
      if (allTags.value && !bare) throw new Error("tag can't be used with --all-tags/-a")
      if (digest !== undefined) throw new Error('cannot push a digest reference')
      if (!allTags.value && bare && !quiet.value) cli.print('Using default tag: latest\n')
      const pushed = allTags.value ? undefined : (tag ?? 'latest')
      const auth = (await authFor(cli.config.data, domain)) ?? {}
      const response = await cli.client.request(
        'POST',
        `${imagePath(familiarRepository(reference))}/push`,
        {
          query: { tag: pushed, platform: query },
          headers: { 'X-Registry-Auth': encodeAuth(auth) },
        },
      )
      await showProgress(response, cli.stdout, quiet.value)
      if (!quiet.value) return
      cli.print(`${domain}/${path}${pushed ? `:${pushed}` : ''}\n`)
    }
  },
}

const PLATFORM_NOTE = note([
  'Using --platform pushes only the specified platform manifest of a multi-platform image index.',
  'Other components, like attestations, will not be included.',
  'To push the complete multi-platform image, remove the --platform flag.',
  '',
])

/** As docker prints notes where there is no terminal. */
function note(lines: readonly string[]): string {
  const head = ' Info -> '
  const shown = lines.map((line, at) => `${at === 0 ? head : ' '.repeat(head.length)}${line}\n`)
  return `\n${shown.join('')}`
}
