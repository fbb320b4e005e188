import type { Address as LinkAddress, Link, Native, Route } from '@tdocker/kernel'
import {
  parseAddress,
  parsePrefix,
  prefixOf,
  singlePrefix,
  type Address,
  type Prefix,
} from './address.ts'

const DEFAULT_MTU = 1500

/** The host's links, addresses and routes at one moment; one look serves hundreds of networks. */
export interface HostView {
  links: ReadonlyMap<string, Link>
  addresses: readonly LinkAddress[]
  routes: readonly Route[]
}

export async function viewHost(
  native: Pick<Native, 'linkList' | 'addressList' | 'routeList'>,
): Promise<HostView> {
  const [links, addresses, routes] = await Promise.all([
    native.linkList({}),
    native.addressList({}),
    native.routeList({}),
  ])
  return { links: new Map(links.map((link) => [link.name, link])), addresses, routes }
}

/** What a new subnet must not touch; the devices in `except` do not count. */
export function takenPrefixes(
  { links, addresses, routes }: HostView,
  nameservers: readonly string[],
  except: ReadonlySet<string> = new Set(),
): Prefix[] {
  const excepted = new Set([...except].map((name) => links.get(name)?.index))
  const counts = (index: number | undefined): boolean => index === undefined || !excepted.has(index)
  // A default route is no claim on the addresses behind it; link-local ones are on every device.
  const routed = routes
    .filter((route) => counts(route.index))
    .map((route) => blockOf(route.destination))
    .filter((prefix) => prefix !== undefined && prefix.length > 0)
  return [
    ...addresses.filter(({ index }) => counts(index)).map(({ address }) => blockOf(address)),
    ...routed,
    // Behind a VPN's route that is not there yet.
    ...nameservers.map((server) => {
      const address = parseAddress(server)
      return address && singlePrefix(address)
    }),
  ].filter((prefix) => prefix !== undefined)
}

/** Addresses of a device with their blocks. */
export function addressesOf(
  { links, addresses }: HostView,
  device: string,
): Array<Prefix & { address: Address }> {
  const index = links.get(device)?.index
  if (index === undefined) return []
  return addresses
    .filter((address) => address.index === index)
    .map(({ address }) => parsePrefix(address))
    .filter((prefix) => prefix !== undefined)
}

/** That of the default route's device, and not more than Ethernet's. */
export function usualMtu({ links, routes }: HostView): number {
  const index = routes.find((route) => route.destination === '0.0.0.0/0')?.index
  const link = [...links.values()].find((candidate) => candidate.index === index)
  return Math.min(link?.mtu ?? DEFAULT_MTU, DEFAULT_MTU)
}

function blockOf(text: string): Prefix | undefined {
  // Of every device, and there may be thousands.
  if (text.startsWith('fe80:') || text.startsWith('ff00:')) return undefined
  const prefix = parsePrefix(text)
  return prefix && prefixOf(prefix.address, prefix.length)
}
