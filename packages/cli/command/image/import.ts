import type { FlagSet } from '../../flag/flag-set.ts'
import { parseReference } from '../../format/reference.ts'
import { showProgress } from '../../format/progress.ts'
import type { Action, Command } from '../command.ts'
import { openFile } from './load.ts'

export const command: Command = {
  use: '[OPTIONS] file|URL|- [REPOSITORY[:TAG]]',
  short: 'Make an image of a file system in a tar archive',
  aliases: ['image import', 'import'],
  args: { kind: 'atLeast', count: 1 },
  define(flags: FlagSet): Action {
    const change = flags.list('change', 'c', 'Apply a Dockerfile instruction to the image')
    const message = flags.string('message', 'm', '', 'Message of the image')
    const platform = flags.string(
      'platform',
      '',
      process.env['DOCKER_DEFAULT_PLATFORM'] ?? '',
      'Platform of the image',
    )
    return async (cli, [source = '', reference = '']) => {
      const isUrl = /^https?:\/\//.test(source)
      // Refused here, as by docker; the daemon takes the text apart itself.
      if (reference !== '') parseReference(reference)
      const stream = source === '-' ? cli.stdin : isUrl ? undefined : await openFile(source)
      const response = await cli.client.request('POST', '/images/create', {
        query: {
          fromSrc: isUrl ? source : '-',
          repo: reference || undefined,
          tag: undefined,
          message: message.value || undefined,
          platform: platform.value.toLowerCase() || undefined,
          changes: change.value.length > 0 ? change.value : undefined,
        },
        ...(stream ? { stream } : {}),
      })
      await showProgress(response, cli.stdout, false)
    }
  },
}
