import type { VolumeListResponse } from '@tdocker/api'
import type { FlagSet } from '../../flag/flag-set.ts'
import { filterFlag, formatFlag } from '../../flag/kinds.ts'
import { filterQuery } from '../../flag/spec/filter.ts'
import { compareNatural } from '../../format/natural.ts'
import { RowFormat } from '../../format/row.ts'
import { volumeFormat, volumeHeaders, volumeRow } from '../../format/volume-row.ts'
import type { Action, Command } from '../command.ts'

const clusterTable = 'table {{.Name}}\t{{.Group}}\t{{.Driver}}\t{{.Availability}}\t{{.Status}}'

export const command: Command = {
  use: '[OPTIONS]',
  short: 'List volumes',
  aliases: ['volume ls', 'volume list'],
  args: { kind: 'none' },
  define(flags: FlagSet): Action {
    const cluster = flags.bool(
      'cluster',
      '',
      false,
      'Show cluster volumes only, with their columns',
    )
    flags.need('cluster', { api: '1.42' })
    const filter = filterFlag(flags)
    const format = formatFlag(flags, 'list')
    const quiet = flags.bool('quiet', 'q', false, 'Show names only')
    return async (cli) => {
      const { Volumes } = await cli.client.get<VolumeListResponse>('/volumes', {
        query: { filters: filterQuery(filter.value) },
      })
      const configured = quiet.value ? '' : cli.config.data.volumesFormat
      const wanted = format.value || configured || 'table'
      const shown = (Volumes ?? [])
        .filter(({ ClusterVolume }) => !cluster.value || ClusterVolume !== undefined)
        .sort((a, b) => compareNatural(a.Name, b.Name))
      const inCluster = cluster.value && !quiet.value
      const rows = new RowFormat(inCluster ? clusterTable : volumeFormat(wanted, quiet.value))
      cli.print(rows.render(shown.map(volumeRow), volumeHeaders, '*formatter.volumeContext'))
    }
  },
}
