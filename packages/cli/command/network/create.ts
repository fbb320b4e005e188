import type { NetworkCreateResponse } from '@tdocker/api'
import type { FlagSet } from '../../flag/flag-set.ts'
import { mapFlag } from '../../flag/kinds.ts'
import { checkLabel, toMap } from '../../flag/spec/environment.ts'
import type { Action, Command } from '../command.ts'
import { ipamConfig, ipamFlags } from './ipam.ts'

export const command: Command = {
  use: '[OPTIONS] NETWORK',
  short: 'Create a network',
  args: { kind: 'exactly', count: 1 },
  define(flags: FlagSet): Action {
    const attachable = flags.bool('attachable', '', false, 'Let containers be connected by hand')
    const configFrom = flags.string('config-from', '', '', 'Network to copy the configuration of')
    const configOnly = flags.bool('config-only', '', false, 'Make a configuration only')
    const driver = flags.string('driver', 'd', 'bridge', 'Driver of the network')
    const ingress = flags.bool('ingress', '', false, "Make the swarm's routing-mesh network")
    const internal = flags.bool('internal', '', false, 'Without a way to the outside')
    const ipam = ipamFlags(flags)
    const ipv4 = flags.bool('ipv4', '', true, 'With IPv4 addresses')
    const ipv6 = flags.bool('ipv6', '', false, 'With IPv6 addresses')
    const label = flags.list('label', '', 'Add a label', checkLabel)
    const opt = mapFlag(flags, 'opt', 'Set an option of the driver', undefined, 'o')
    const scope = flags.string('scope', '', '', 'Scope of the network')
    flags.need('attachable', { api: '1.25' })
    flags.need('ingress', { api: '1.29' })
    for (const name of ['scope', 'config-only', 'config-from']) flags.need(name, { api: '1.30' })
    return async (cli, [Name = '']) => {
      const body = {
        Name,
        Driver: driver.value,
        Scope: scope.value,
        ...(ipv4.changed ? { EnableIPv4: ipv4.value } : {}),
        ...(ipv6.changed ? { EnableIPv6: ipv6.value } : {}),
        IPAM: ipamConfig(ipam),
        Internal: internal.value,
        Attachable: attachable.value,
        Ingress: ingress.value,
        ConfigOnly: configOnly.value,
        ...(configFrom.value ? { ConfigFrom: { Network: configFrom.value } } : {}),
        Options: opt.value,
        Labels: toMap(label.value),
      }
      const path = '/networks/create'
      const { Id } = await cli.client.call<NetworkCreateResponse>('POST', path, { body })
      cli.print(`${Id}\n`)
    }
  },
}
