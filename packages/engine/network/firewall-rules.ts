/**
 * The nftables text of everything we put on the host: one table of our own with a fixed number of
 * rules. Networks are elements of its verdict maps, each with a few chains of its own; a published
 * port is one map element. So the cost of a packet does not grow with either.
 *
 * Why the chains are as they are:
 * - `raw` runs before any address is rewritten. What comes for 127.0.0.0/8 from another device is
 *   dropped: bridges carry route_localnet=1 (for 127.0.0.1:published), which would otherwise open
 *   the host's loopback to containers, and ports published on 127.0.0.1 to the neighbours. Nor may
 *   anybody else speak in its name, which the same setting lets the kernel believe. What comes for a
 *   container's own address from outside its bridge is dropped too: only published
 *   ports are reachable from outside, and networks are isolated from each other.
 * - `published` leaves `::1` alone: the kernel sends nothing from there to another device, whatever
 *   the address becomes. The container's shim, which holds the port, carries that.
 * - `forward` says the same again for what raw cannot know, such as a second address.
 * - `postrouting` masquerades what leaves, what a container sends to itself or a neighbour through
 *   a published port (the answer must come back through us), and the host's loopback addresses.
 */
import { chainsText, contentsText, type FirewallNetwork } from './network-chains.ts'
import type { Protocol } from './port-request.ts'

/** What the table's rules are made of. */
export interface FirewallRules {
  networks: readonly FirewallNetwork[]
  /** Devices that forwarded nothing to each other before we came. */
  guardedLinks: readonly string[]
  /** The same for IPv6. */
  guardedLinks6?: readonly string[]
}

/** One published port. */
export interface PortElement {
  protocol: Protocol
  /**
   * `0.0.0.0` or `::` for every address of the host; the container's own address where packets are
   * routed to it, not rewritten.
   */
  hostAddress: string
  hostPort: number
  containerAddress: string
  containerPort: number
}

type PortEnds = Pick<PortElement, 'hostAddress' | 'containerAddress'>

const FAMILY = 'inet'
const ANY: ReadonlySet<string> = new Set(['0.0.0.0', '::'])

const MAPS: ReadonlyArray<readonly [kind: 'map' | 'set', name: string, type: string]> = [
  ['map', 'ports', 'type inet_proto . inet_service : ipv4_addr . inet_service;'],
  ['map', 'ports_at', 'type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service;'],
  ['map', 'ports6', 'type inet_proto . inet_service : ipv6_addr . inet_service;'],
  ['map', 'ports6_at', 'type ipv6_addr . inet_proto . inet_service : ipv6_addr . inet_service;'],
  ['set', 'routed', 'type ipv4_addr . inet_proto . inet_service;'],
  ['set', 'routed6', 'type ipv6_addr . inet_proto . inet_service;'],
  ['set', 'bridges', 'type ifname;'],
  ['map', 'guards', 'type ipv4_addr : verdict; flags interval;'],
  ['map', 'guards6', 'type ipv6_addr : verdict; flags interval;'],
  ['map', 'out_of', 'type ifname : verdict;'],
  ['map', 'into', 'type ifname : verdict;'],
  ['map', 'leaving', 'type ipv4_addr : verdict; flags interval;'],
  ['map', 'leaving6', 'type ipv6_addr : verdict; flags interval;'],
]

/**
 * The whole table in one transaction, in the place of whatever was there: rules, networks and
 * published ports.
 */
export function tableText(
  table: string,
  rules: FirewallRules,
  elements: readonly PortElement[] = [],
): string {
  return [
    deleteTableText(table),
    `add table ${FAMILY} ${table}`,
    ...rules.networks.flatMap((network) => chainsText(table, network)),
    ...MAPS.map(([kind, name, type]) => `add ${kind} ${FAMILY} ${table} ${name} { ${type} }`),
    ...baseChains(table, rules),
    ...rules.networks.flatMap((network) => contentsText(table, network)),
    ...addPortsText(table, elements),
  ].join('\n')
}

export function deleteTableText(table: string): string {
  // `add` first, so that a table that is not there is no error.
  return `add table ${FAMILY} ${table}\ndelete table ${FAMILY} ${table}`
}

function baseChains(table: string, rules: FirewallRules): string[] {
  return [
    ...chain(table, 'published', '', [
      'meta nfproto ipv4 dnat ip to ip daddr . meta l4proto . th dport map @ports_at',
      'meta nfproto ipv4 dnat ip to meta l4proto . th dport map @ports',
      'ip6 daddr ::1 return',
      'meta nfproto ipv6 dnat ip6 to ip6 daddr . meta l4proto . th dport map @ports6_at',
      'meta nfproto ipv6 dnat ip6 to meta l4proto . th dport map @ports6',
    ]),
    ...chain(table, 'raw', 'type filter hook prerouting priority raw; policy accept;', [
      'iifname != "lo" ip daddr 127.0.0.0/8 drop',
      'iifname != "lo" ip saddr 127.0.0.0/8 drop',
      'ip daddr vmap @guards',
      'ip6 daddr vmap @guards6',
    ]),
    ...chain(table, 'prerouting', 'type nat hook prerouting priority dstnat; policy accept;', [
      'fib daddr type local jump published',
    ]),
    ...chain(table, 'output', 'type nat hook output priority -100; policy accept;', [
      'fib daddr type local jump published',
    ]),
    ...chain(table, 'forward', 'type filter hook forward priority filter; policy accept;', [
      ...guardRules('', rules.guardedLinks),
      ...guardRules('meta nfproto ipv6 ', rules.guardedLinks6 ?? []),
      'ct state established,related accept',
      'iifname vmap @out_of',
      'oifname vmap @into',
    ]),
    ...chain(table, 'postrouting', 'type nat hook postrouting priority srcnat; policy accept;', [
      'ip saddr 127.0.0.0/8 oifname @bridges masquerade',
      'ip saddr vmap @leaving',
      'ip6 saddr vmap @leaving6',
    ]),
  ]
}

function guardRules(family: string, links: readonly string[]): string[] {
  if (links.length === 0) return []
  const set = `{ ${links.map((link) => `"${link}"`).join(', ')} }`
  return [`${family}iifname ${set} oifname ${set} ct status & dnat == 0 drop`]
}

export function addPortsText(table: string, elements: readonly PortElement[]): string[] {
  return elements.map((element) => {
    const target = `${element.containerAddress} . ${element.containerPort}`
    const data = isRouted(element) ? '' : ` : ${target}`
    return `add element ${FAMILY} ${table} ${mapOf(element)} { ${keyText(element)}${data} }`
  })
}

export function deletePortsText(table: string, elements: readonly PortElement[]): string[] {
  return elements.map(
    (element) => `delete element ${FAMILY} ${table} ${mapOf(element)} { ${keyText(element)} }`,
  )
}

/** The key that two elements must not share. */
export function elementKey(element: PortElement): string {
  return `${mapOf(element)} ${keyText(element)}`
}

/** Reached under the container's own address. */
export function isRouted({ hostAddress, containerAddress }: PortEnds): boolean {
  return hostAddress === containerAddress
}

/** From IPv6 to IPv4, which nothing in the kernel rewrites: the shim does it, no element. */
export function isCarried({ hostAddress, containerAddress }: PortEnds): boolean {
  return hostAddress.includes(':') && !containerAddress.includes(':')
}

function mapOf(element: PortElement): string {
  const family = element.containerAddress.includes(':') ? '6' : ''
  if (isRouted(element)) return `routed${family}`
  return ANY.has(element.hostAddress) ? `ports${family}` : `ports${family}_at`
}

function keyText({ hostAddress, protocol, hostPort }: PortElement): string {
  const key = `${protocol} . ${hostPort}`
  return ANY.has(hostAddress) ? key : `${hostAddress} . ${key}`
}

/** Number of rules in each chain as `tableText` writes it, to see whether they are still there. */
export function ruleCounts(rules: FirewallRules): Map<string, number> {
  const counts = new Map<string, number>()
  for (const line of tableText('t', rules).split('\n')) {
    const name = /^add (?:rule|chain) \S+ t (\S+)/.exec(line)?.[1]
    if (name === undefined) continue
    counts.set(name, (counts.get(name) ?? 0) + (line.startsWith('add rule') ? 1 : 0))
  }
  return counts
}

function chain(table: string, name: string, hook: string, rules: readonly string[]): string[] {
  const path = `${FAMILY} ${table} ${name}`
  return [
    `add chain ${path}${hook === '' ? '' : ` { ${hook} }`}`,
    ...rules.map((rule) => `add rule ${path} ${rule}`),
  ]
}
