import type { Volume } from '@tdocker/api'
import type { FlagSet } from '../../flag/flag-set.ts'
import { mapFlag } from '../../flag/kinds.ts'
import { checkLabel, toMap } from '../../flag/spec/environment.ts'
import type { Action, Command } from '../command.ts'
import { clusterFlags } from './cluster-flags.ts'

export const command: Command = {
  use: '[OPTIONS] [VOLUME]',
  short: 'Create a volume',
  args: { kind: 'atMost', count: 1 },
  define(flags: FlagSet): Action {
    const clusterSpec = clusterFlags(flags)
    const driver = flags.string('driver', 'd', 'local', 'Driver of the volume')
    const label = flags.list('label', '', 'Add a label', checkLabel)
    const name = flags.add<string>({
      name: 'name',
      usage: 'Name of the volume',
      type: 'string',
      initial: '',
      parse: (text) => text,
      hidden: true,
    })
    const opt = mapFlag(flags, 'opt', 'Set an option of the driver', undefined, 'o')
    return async (cli, [given]) => {
      if (given !== undefined && name.value !== '') {
        throw new Error(
          'conflicting options: cannot specify a volume-name through both --name and as a positional arg',
        )
      }
      const ClusterVolumeSpec = clusterSpec()
      const volume = await cli.client.call<Volume>('POST', '/volumes/create', {
        body: {
          Driver: driver.value,
          DriverOpts: opt.value,
          Labels: toMap(label.value),
          Name: given ?? name.value,
          ...(ClusterVolumeSpec ? { ClusterVolumeSpec } : {}),
        },
      })
      cli.print(`${volume.Name}\n`)
    }
  },
}
