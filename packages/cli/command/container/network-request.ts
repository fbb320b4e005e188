import type { EndpointSettings } from '@tdocker/api'
import { isMac } from '../../flag/spec/host.ts'
import { attachmentTo, isUserDefined } from '../../flag/spec/network.ts'
import type { NetworkAttachment } from '../../flag/spec/network.ts'
import type { ContainerFlags } from './options.ts'

type NetworkFlags = ContainerFlags['network']

export function networkMode(flags: NetworkFlags): string {
  return flags.network.value[0]?.target ?? 'default'
}

/**
 * Endpoints of the create request: one per `--network`; the older flags (`--ip`, `--network-alias`,
 * …) belong to the first. A single network without settings needs no entry, the daemon makes it.
 */
export function attachmentsOf(flags: NetworkFlags): Record<string, EndpointSettings> {
  const given = flags.network.value
  const attachments = given.length === 0 ? [attachmentTo('default')] : given
  const endpoints: Record<string, EndpointSettings> = {}
  for (const [index, attachment] of attachments.entries()) {
    const { target } = attachment
    const settings = endpoint(index === 0 ? withSingleFlags(attachment, flags) : attachment)
    if (Object.hasOwn(endpoints, target)) {
      throw new Error(`network "${target}" is specified multiple times`)
    }
    if (given.length === 1 && Object.keys(settings).length === 0) continue
    endpoints[target] = settings
  }
  const defined = given.map(({ target }) => isUserDefined(target))
  if (defined.includes(true) && defined.includes(false)) {
    throw new Error(
      'conflicting options: cannot attach both user-defined and non-user-defined network-modes',
    )
  }
  return endpoints
}

function withSingleFlags(attachment: NetworkAttachment, flags: NetworkFlags): NetworkAttachment {
  const { aliases, link, ip, ip6, macAddress, linkLocalIp } = flags
  const conflict = (both: boolean, flag: string, what: string): void => {
    if (both)
      throw new Error(`conflicting options: cannot specify both ${flag} and per-network ${what}`)
  }
  conflict(attachment.aliases.length > 0 && aliases.value.length > 0, '--network-alias', 'alias')
  conflict(attachment.ipv4 !== undefined && ip.value !== '', '--ip', 'IPv4 address')
  conflict(attachment.ipv6 !== undefined && ip6.value !== '', '--ip6', 'IPv6 address')
  conflict(
    attachment.macAddress !== undefined && macAddress.value !== '',
    '--mac-address',
    'MAC address',
  )
  conflict(
    attachment.linkLocalIPs.length > 0 && linkLocalIp.value.length > 0,
    '--link-local-ip',
    'link-local IP addresses',
  )
  return {
    ...attachment,
    ...(aliases.value.length > 0 ? { aliases: [...aliases.value] } : {}),
    // On the default bridge a link is a setting of the host config instead.
    ...(isUserDefined(attachment.target) ? { links: [...link.value] } : {}),
    ...(ip.value ? { ipv4: ip.value } : {}),
    ...(ip6.value ? { ipv6: ip6.value } : {}),
    ...(macAddress.value ? { macAddress: macAddress.value } : {}),
    ...(linkLocalIp.value.length > 0 ? { linkLocalIPs: [...linkLocalIp.value] } : {}),
  }
}

function endpoint(from: NetworkAttachment): EndpointSettings {
  if (from.target.trim() === '') throw new Error('no name set for network')
  if (!isUserDefined(from.target)) {
    if (from.aliases.length > 0) {
      throw new Error('network-scoped aliases are only supported for user-defined networks')
    }
    if (from.links.length > 0) {
      throw new Error('links are only supported for user-defined networks')
    }
  }
  if (from.macAddress !== undefined && !isMac(from.macAddress)) {
    throw new Error(`${from.macAddress} is not a valid mac address`)
  }
  const addressed =
    from.ipv4 !== undefined || from.ipv6 !== undefined || from.linkLocalIPs.length > 0
  return {
    ...(from.gwPriority ? { GwPriority: from.gwPriority } : {}),
    ...(from.aliases.length > 0 ? { Aliases: from.aliases } : {}),
    ...(from.links.length > 0 ? { Links: from.links } : {}),
    ...(Object.keys(from.driverOpts).length > 0 ? { DriverOpts: from.driverOpts } : {}),
    ...(from.macAddress ? { MacAddress: from.macAddress.trim() } : {}),
    ...(addressed
      ? {
          IPAMConfig: {
            ...(from.ipv4 ? { IPv4Address: from.ipv4 } : {}),
            ...(from.ipv6 ? { IPv6Address: from.ipv6 } : {}),
            ...(from.linkLocalIPs.length > 0 ? { LinkLocalIPs: from.linkLocalIPs } : {}),
          },
        }
      : {}),
  }
}
