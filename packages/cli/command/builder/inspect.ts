import { text } from 'node:stream/consumers'
import type { BuildRecord } from '@tdocker/api'
import type { FlagSet } from '../../flag/flag-set.ts'
import { formatFlag } from '../../flag/kinds.ts'
import { buildPage } from '../../format/build-row.ts'
import { inspectObjects } from '../../format/inspect.ts'
import type { Action, Command } from '../command.ts'
import { onlyOurs } from '../only-ours.ts'

const path = (id: string): string => `/build/history/${encodeURIComponent(id)}`

export const command: Command = {
  use: '[OPTIONS] [BUILD]',
  short: 'Show what a build did; the last one without an ID',
  args: { kind: 'atMost', count: 1 },
  define(flags: FlagSet): Action {
    const format = formatFlag(flags, 'inspect')
    return async (cli, [id = 'latest']) => {
      if (format.value !== '')
        return inspectObjects(cli, [id], format.value, async (name) =>
          text(await cli.client.request('GET', path(name), {})),
        )
      const build = await onlyOurs('The history of builds', () =>
        cli.client.get<BuildRecord>(path(id)),
      )
      cli.print(buildPage(build))
    }
  },
}
