import { open } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import type { Readable } from 'node:stream'
import type { FlagSet } from '../../flag/flag-set.ts'
import { goPathError } from '../../flag/spec/environment.ts'
import { platformQueries } from '../../flag/spec/platform.ts'
import { showProgress } from '../../format/progress.ts'
import type { Cli } from '../cli.ts'
import type { Action, Command } from '../command.ts'

export const command: Command = {
  use: '[OPTIONS]',
  short: 'Read images from a tar archive',
  aliases: ['image load', 'load'],
  args: { kind: 'none' },
  define(flags: FlagSet): Action {
    const input = flags.string('input', 'i', '', 'Read from a file in place of STDIN')
    const platform = flags.string(
      'platform',
      '',
      '',
      'Platforms to load (os[/arch[/variant]], with commas between)',
    )
    flags.need('platform', { api: '1.48' })
    const quiet = flags.bool('quiet', 'q', false, 'Do not show the progress')
    return async (cli) => {
      const stream = await source(cli, input.value)
      const response = await cli.client.request('POST', '/images/load', {
        query: {
          quiet: quiet.value || !cli.stdout.isTTY,
          platform: platformQueries(platform.value),
        },
        stream,
      })
      const json = response.headers['content-type'] === 'application/json'
      if (json) return showProgress(response, cli.stdout, false)
      return pipeline(response, cli.stdout, { end: false })
    }
  },
}

async function source(cli: Cli, path: string): Promise<Readable> {
  if (path !== '') return openFile(path)
  if (cli.stdin.isTTY) throw new Error('requested load from stdin, but stdin is empty')
  return cli.stdin
}

/** Opened before the request: a missing file is our error, not the daemon's. */
export async function openFile(path: string): Promise<Readable> {
  try {
    return (await open(path, 'r')).createReadStream()
  } catch (error) {
    throw new Error(goPathError('open', path, error))
  }
}
