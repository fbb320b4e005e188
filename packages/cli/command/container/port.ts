import type { ContainerInspectResponse, PortBinding } from '@tdocker/api'
import type { FlagSet } from '../../flag/flag-set.ts'
import { quote } from '../../flag/scalar.ts'
import { compareNatural } from '../../format/natural.ts'
import type { Action, Command } from '../command.ts'
import { containerPath } from './lifecycle.ts'
import { changePorts, isPortChange } from './port-change.ts'

type Ports = Readonly<Record<string, readonly PortBinding[] | null>>

export const command: Command = {
  use: 'CONTAINER [PRIVATE_PORT[/PROTO]]',
  uses: [
    'add CONTAINER [[IP:]HOST_PORT:]PRIVATE_PORT[/PROTO]...',
    'rm CONTAINER [[IP:]HOST_PORT:]PRIVATE_PORT[/PROTO]...',
  ],
  short: 'List the published ports of a container, or change them while it runs',
  aliases: ['container port', 'port'],
  args: { kind: 'between', least: 1, most: 2 },
  // A container called `add` is still asked for its ports by one or two words.
  accepts: isPortChange,
  define: (_flags: FlagSet): Action => {
    return async (cli, words) => {
      if (isPortChange(words)) return changePorts(cli, words)
      const [name = '', port = ''] = words
      const container = await cli.client.get<ContainerInspectResponse>(
        `${containerPath(name)}/json`,
      )
      const ports = (container.NetworkSettings.Ports ?? {}) as Ports
      const lines = port === '' ? allLines(ports) : linesOf(ports, port, name)
      if (lines.length > 0) cli.print(`${lines.sort(compareNatural).join('\n')}\n`)
    }
  },
}

function allLines(ports: Ports): string[] {
  return Object.entries(ports).flatMap(([from, bindings]) =>
    (bindings ?? []).map((binding) => `${from} -> ${address(binding)}`),
  )
}

function linesOf(ports: Ports, wanted: string, name: string): string[] {
  const [port = '', protocol] = wanted.split('/', 2)
  if (!/^[0-9]+$/.test(port) || Number(port) > 65535) {
    const reason = /^[0-9]+$/.test(port) ? 'value out of range' : 'invalid syntax'
    throw new Error(
      `Error: invalid port (${port}): strconv.ParseUint: parsing ${quote(port)}: ${reason}`,
    )
  }
  const bindings = ports[`${port}/${protocol || 'tcp'}`] ?? []
  if (bindings.length === 0) {
    throw new Error(`Error: No public port '${wanted}' published for ${name}`)
  }
  return bindings.map(address)
}

function address({ HostIp = '', HostPort = '' }: PortBinding): string {
  return HostIp.includes(':') ? `[${HostIp}]:${HostPort}` : `${HostIp}:${HostPort}`
}
