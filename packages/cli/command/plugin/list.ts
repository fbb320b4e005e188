import type { FlagSet } from '../../flag/flag-set.ts'
import { filterFlag, formatFlag } from '../../flag/kinds.ts'
import { filterQuery } from '../../flag/spec/filter.ts'
import { compareNatural } from '../../format/natural.ts'
import { ellipsis, RowFormat, shortId } from '../../format/row.ts'
import type { Row } from '../../format/row.ts'
import type { Action, Command } from '../command.ts'

interface Plugin {
  readonly Id?: string
  readonly Name: string
  readonly Enabled: boolean
  readonly PluginReference?: string
  readonly Config: { readonly Description?: string }
}

const headers = {
  ID: 'ID',
  Name: 'NAME',
  Description: 'DESCRIPTION',
  Enabled: 'ENABLED',
  PluginReference: 'IMAGE',
}

const raw =
  'plugin_id: {{.ID}}\\nname: {{.Name}}\\ndescription: {{.Description}}\\nenabled: {{.Enabled}}\\n'

export const command: Command = {
  use: '[OPTIONS]',
  short: 'List plugins',
  aliases: ['plugin ls', 'plugin list'],
  args: { kind: 'none' },
  define(flags: FlagSet): Action {
    const filter = filterFlag(flags)
    const format = formatFlag(flags, 'list')
    const noTrunc = flags.bool('no-trunc', '', false, 'Show everything in full length')
    const quiet = flags.bool('quiet', 'q', false, 'Show IDs only')
    return async (cli) => {
      const plugins = await cli.client.get<Plugin[] | null>('/plugins', {
        query: { filters: filterQuery(filter.value) },
      })
      const configured = quiet.value ? '' : cli.config.data.pluginsFormat
      const wanted = format.value || configured || 'table'
      const rows = (plugins ?? [])
        .sort((a, b) => compareNatural(a.Name, b.Name))
        .map((plugin) => pluginRow(plugin, !noTrunc.value))
      const text = new RowFormat(pluginFormat(wanted, quiet.value))
      cli.print(text.render(rows, headers, '*plugin.pluginContext'))
    }
  },
}

function pluginFormat(format: string, quiet: boolean): string {
  if (format === 'table') {
    return quiet ? '{{.ID}}' : 'table {{.ID}}\t{{.Name}}\t{{.Description}}\t{{.Enabled}}'
  }
  if (format === 'raw') return quiet ? 'plugin_id: {{.ID}}' : raw
  return format
}

function pluginRow(plugin: Plugin, truncate: boolean): Row {
  const description = (plugin.Config.Description ?? '').replaceAll(/[\r\n]/g, '')
  return {
    Description: () => (truncate ? ellipsis(description, 45) : description),
    Enabled: () => plugin.Enabled,
    ID: () => (truncate ? shortId(plugin.Id ?? '') : (plugin.Id ?? '')),
    Name: () => plugin.Name,
    PluginReference: () => plugin.PluginReference ?? '',
  }
}
