import type {
  ContainerInspectResponse,
  EndpointSettings,
  HostConfig,
  ImageConfig,
} from '@tdocker/api'
import { csv, flag, listFlag, onFlag } from './flags.ts'
import type { Words } from './flags.ts'

const standard = ['default', 'bridge', 'host', 'none']

/** Flags of networks, names and ports. */
export function networkFlags(container: ContainerInspectResponse, image: ImageConfig): Words {
  const { Config: config, HostConfig: host } = container
  const published = Object.keys(host.PortBindings ?? {})
  const exposed = Object.keys(config.ExposedPorts ?? {}).filter(
    (port) => !published.includes(port) && !Object.hasOwn(image.ExposedPorts ?? {}, port),
  )
  return [
    ...networks(container),
    ...flag('--mac-address', (config as { MacAddress?: string }).MacAddress),
    ...ports(host),
    ...onFlag('--publish-all', host.PublishAllPorts),
    ...listFlag('--expose', exposed),
    ...listFlag('--link', (host.Links ?? []).map(linkText)),
    ...listFlag('--add-host', host.ExtraHosts),
    ...listFlag('--dns', host.Dns),
    ...listFlag('--dns-option', host.DnsOptions),
    ...listFlag('--dns-search', host.DnsSearch),
  ]
}

function ports({ PortBindings }: HostConfig): Words {
  return Object.entries(PortBindings ?? {}).flatMap(([port, bindings]) =>
    (bindings ?? []).flatMap(({ HostIp = '', HostPort = '' }) => {
      const target = port.replace(/\/tcp$/, '')
      const ip = HostIp.includes(':') ? `[${HostIp}]` : HostIp
      if (ip !== '') return ['--publish', `${ip}:${HostPort}:${target}`]
      return ['--publish', HostPort === '' ? target : `${HostPort}:${target}`]
    }),
  )
}

/** `/other:/self/alias` as inspect shows it. */
function linkText(text: string): string {
  const [other = '', alias = ''] = text.split(':')
  return `${other.replace(/^\//, '')}:${alias.slice(alias.lastIndexOf('/') + 1)}`
}

/** One network of the common kinds needs no words; several are told in the long form. */
function networks({ HostConfig: host, NetworkSettings, Id }: ContainerInspectResponse): Words {
  const mode = host.NetworkMode ?? ''
  if (mode === 'default' || mode === 'bridge' || mode === '') return []
  if (standard.includes(mode) || mode.startsWith('container:')) return ['--network', mode]
  const joined = Object.entries(NetworkSettings.Networks ?? {})
  const first = joined.filter(([name]) => name === mode)
  const others = joined.filter(([name]) => name !== mode)
  const ordered = first.length > 0 ? [...first, ...others] : [[mode, {}] as const, ...others]
  return ordered.flatMap(([name, endpoint]) => ['--network', attachment(name, endpoint, Id)])
}

function attachment(name: string, endpoint: EndpointSettings, id: string): string {
  const { IPAMConfig: ipam, Aliases, DriverOpts, GwPriority } = endpoint
  // The short ID is an alias that the daemon adds.
  const aliases = (Aliases ?? []).filter((alias) => alias !== id.slice(0, 12))
  const fields = [
    ...aliases.map((alias) => `alias=${alias}`),
    ...(ipam?.IPv4Address ? [`ip=${ipam.IPv4Address}`] : []),
    ...(ipam?.IPv6Address ? [`ip6=${ipam.IPv6Address}`] : []),
    ...(ipam?.LinkLocalIPs ?? []).map((ip) => `link-local-ip=${ip}`),
    ...Object.entries(DriverOpts ?? {}).map(([key, value]) => `driver-opt=${key}=${value}`),
    ...(GwPriority ? [`gw-priority=${GwPriority}`] : []),
  ]
  return fields.length === 0 ? name : csv([`name=${name}`, ...fields])
}
