import type { FlagSet } from '../../flag/flag-set.ts'
import type { Action, Command } from '../command.ts'
import { volumePath } from './path.ts'

interface ClusterVolume {
  readonly ClusterVolume?: {
    readonly Spec?: object
    readonly Version?: { readonly Index?: number }
  }
}

export const command: Command = {
  use: '[OPTIONS] VOLUME',
  short: 'Change a cluster volume',
  args: { kind: 'exactly', count: 1 },
  define(flags: FlagSet): Action {
    const availability = flags.string(
      'availability',
      '',
      'active',
      'Availability of the volume ("active", "pause", "drain")',
    )
    flags.need('availability', { api: '1.42' })
    return async (cli, [name = '']) => {
      const volume = await cli.client.get<ClusterVolume>(volumePath(name))
      if (!volume.ClusterVolume) throw new Error('Can only update cluster volumes')
      const { Spec, Version } = volume.ClusterVolume
      await cli.client.run('PUT', volumePath(name), {
        query: { version: Version?.Index ?? 0 },
        body: {
          Spec: { ...Spec, ...(availability.changed ? { Availability: availability.value } : {}) },
        },
      })
    }
  },
}
