import type { ImageHistoryResponseItem } from '@tdocker/api'
import type { FlagSet } from '../../flag/flag-set.ts'
import { formatFlag } from '../../flag/kinds.ts'
import { platformQuery } from '../../flag/spec/platform.ts'
import { historyFormat, historyHeaders, historyRow } from '../../format/history-row.ts'
import { RowFormat } from '../../format/row.ts'
import type { Action, Command } from '../command.ts'
import { imagePath } from './path.ts'

export const command: Command = {
  use: '[OPTIONS] IMAGE',
  short: 'Show how an image was made',
  aliases: ['image history', 'history'],
  args: { kind: 'exactly', count: 1 },
  define(flags: FlagSet): Action {
    const format = formatFlag(flags, 'list')
    const human = flags.bool('human', 'H', true, 'Write sizes and dates for people')
    const noTrunc = flags.bool('no-trunc', '', false, 'Show everything in full length')
    const platform = flags.string('platform', '', '', 'Platform of the image, where it has several')
    flags.need('platform', { api: '1.48' })
    const quiet = flags.bool('quiet', 'q', false, 'Show IDs only')
    return async (cli, [name = '']) => {
      const history = await cli.client.get<ImageHistoryResponseItem[]>(
        `${imagePath(name)}/history`,
        { query: { platform: platformQuery(platform.value) } },
      )
      const text = new RowFormat(historyFormat(format.value || 'table', quiet.value, human.value))
      const options = { truncate: !noTrunc.value, human: human.value, now: Date.now() }
      const rows = history.map((item) => historyRow(item, options))
      cli.print(text.render(rows, historyHeaders, '*image.historyContext'))
    }
  },
}
