import type { FlagSet } from '../../flag/flag-set.ts'
import { intFlag, stringsFlag } from '../../flag/kinds.ts'
import { checkLink } from '../../flag/spec/host.ts'
import type { Action, Command } from '../command.ts'
import { networkPath } from './path.ts'

export const command: Command = {
  use: '[OPTIONS] NETWORK CONTAINER',
  short: 'Connect a container to a network',
  args: { kind: 'exactly', count: 2 },
  define(flags: FlagSet): Action {
    const alias = stringsFlag(flags, 'alias', 'Another name of the container within the network')
    const driverOpt = stringsFlag(flags, 'driver-opt', 'Option of the driver')
    const gwPriority = intFlag(
      flags,
      'gw-priority',
      'The network of the highest priority has the default gateway',
    )
    const ip = flags.string('ip', '', '', 'IPv4 address (such as 172.30.100.104)')
    const ip6 = flags.string('ip6', '', '', 'IPv6 address (such as 2001:db8::33)')
    const link = flags.list('link', '', 'Link to another container', checkLink)
    const linkLocal = stringsFlag(flags, 'link-local-ip', 'Link-local address')
    return async (cli, [network = '', Container = '']) => {
      const EndpointConfig = {
        IPAMConfig: {
          ...(ip.value ? { IPv4Address: ip.value } : {}),
          ...(ip6.value ? { IPv6Address: ip6.value } : {}),
          ...(linkLocal.value.length > 0 ? { LinkLocalIPs: linkLocal.value } : {}),
        },
        Links: link.value,
        Aliases: alias.value,
        DriverOpts: driverOptions(driverOpt.value),
        GwPriority: gwPriority.value,
      }
      await cli.client.run('POST', `${networkPath(network)}/connect`, {
        body: { Container, EndpointConfig },
      })
    }
  },
}

function driverOptions(pairs: readonly string[]): Record<string, string> {
  const options: Record<string, string> = {}
  for (const pair of pairs) {
    const equals = pair.indexOf('=')
    const key = pair.slice(0, Math.max(0, equals)).trim()
    if (key === '') throw new Error('invalid key/value pair format in driver options')
    options[key] = pair.slice(equals + 1).trim()
  }
  return options
}
