/**
 * The nftables text of everything we put on the host: one table of our own, whose chains hold a
 * fixed number of rules per network and none per port. A published port is one map element.
 *
 * Why the chains are as they are:
 * - `raw` runs before any address is rewritten. What comes for 127.0.0.0/8 from another device is
 *   dropped: bridges carry route_localnet=1 (for 127.0.0.1:published), which would otherwise open
 *   the host's loopback to containers, and ports published on 127.0.0.1 to the neighbours. What
 *   comes for a container's own address from outside its bridge is dropped too: only published
 *   ports are reachable from outside, and networks are isolated from each other.
 * - `forward` says the same again for what raw cannot know, such as a second address.
 * - `postrouting` masquerades what leaves, what a container sends to itself or a neighbour through
 *   a published port (the answer must come back through us), and the host's loopback addresses.
 */
import type { Protocol } from './port-request.ts'

export interface FirewallNetwork {
  bridge: string
  /** CIDR of the containers' addresses. */
  subnet: string
  masquerade: boolean
  /** Whether containers of the network may talk to each other. */
  interContainer: boolean
}

/** What the table's rules are made of. */
export interface FirewallRules {
  networks: readonly FirewallNetwork[]
  /** Devices that forwarded nothing to each other before we came. */
  guardedLinks: readonly string[]
}

/** One published port. */
export interface PortElement {
  protocol: Protocol
  /** `0.0.0.0` for every address of the host. */
  hostAddress: string
  hostPort: number
  containerAddress: string
  containerPort: number
}

const FAMILY = 'inet'
const ANY = '0.0.0.0'

/** Makes the table or brings its rules to the given networks, in one transaction; maps keep theirs. */
export function tableText(table: string, { networks, guardedLinks }: FirewallRules): string {
  const bridges = networks.map((network) => network.bridge)
  return [
    `add table ${FAMILY} ${table}`,
    `add map ${FAMILY} ${table} ports { type inet_proto . inet_service : ipv4_addr . inet_service; }`,
    `add map ${FAMILY} ${table} ports_at { type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service; }`,
    chain(table, 'published', '', [
      'dnat ip to ip daddr . meta l4proto . th dport map @ports_at',
      'dnat ip to meta l4proto . th dport map @ports',
    ]),
    chain(table, 'raw', 'type filter hook prerouting priority raw; policy accept;', [
      'iifname != "lo" ip daddr 127.0.0.0/8 drop',
      ...networks.map(
        ({ bridge, subnet }) =>
          `iifname != "${bridge}" ip daddr ${subnet} fib daddr type != local drop`,
      ),
    ]),
    chain(table, 'prerouting', 'type nat hook prerouting priority dstnat; policy accept;', [
      'fib daddr type local jump published',
    ]),
    chain(table, 'output', 'type nat hook output priority -100; policy accept;', [
      'fib daddr type local jump published',
    ]),
    chain(table, 'forward', 'type filter hook forward priority filter; policy accept;', [
      ...(guardedLinks.length === 0
        ? []
        : [
            `iifname ${setOf(guardedLinks)} oifname ${setOf(guardedLinks)} ct status & dnat == 0 drop`,
          ]),
      'ct state established,related accept',
      ...networks.map(
        ({ bridge, interContainer }) =>
          `iifname "${bridge}" oifname "${bridge}" ${interContainer ? 'accept' : 'ct status dnat accept'}`,
      ),
      ...(bridges.length === 0
        ? []
        : [`oifname ${setOf(bridges)} ct status dnat accept`, `oifname ${setOf(bridges)} drop`]),
    ]),
    chain(table, 'postrouting', 'type nat hook postrouting priority srcnat; policy accept;', [
      ...networks.flatMap(({ bridge, subnet, masquerade }) => [
        ...(masquerade ? [`ip saddr ${subnet} oifname != "${bridge}" masquerade`] : []),
        `ip saddr ${subnet} oifname "${bridge}" ct status dnat masquerade`,
        `ip saddr 127.0.0.0/8 oifname "${bridge}" masquerade`,
      ]),
    ]),
  ].join('\n')
}

export function deleteTableText(table: string): string {
  // `add` first, so that a table that is not there is no error.
  return `add table ${FAMILY} ${table}\ndelete table ${FAMILY} ${table}`
}

/** Both maps hold exactly `elements` afterwards, in one transaction. */
export function replacePortsText(table: string, elements: readonly PortElement[]): string {
  return [
    `flush map ${FAMILY} ${table} ports`,
    `flush map ${FAMILY} ${table} ports_at`,
    ...addPortsText(table, elements),
  ].join('\n')
}

export function addPortsText(table: string, elements: readonly PortElement[]): string[] {
  return elements.map((element) => {
    const target = `${element.containerAddress} . ${element.containerPort}`
    return `add element ${FAMILY} ${table} ${mapOf(element)} { ${keyText(element)} : ${target} }`
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

function setOf(links: readonly string[]): string {
  return `{ ${links.map((link) => `"${link}"`).join(', ')} }`
}

function mapOf(element: PortElement): string {
  return element.hostAddress === ANY ? 'ports' : 'ports_at'
}

function keyText({ hostAddress, protocol, hostPort }: PortElement): string {
  const key = `${protocol} . ${hostPort}`
  return hostAddress === ANY ? key : `${hostAddress} . ${key}`
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

function chain(table: string, name: string, hook: string, rules: readonly string[]): string {
  const path = `${FAMILY} ${table} ${name}`
  return [
    `add chain ${path}${hook === '' ? '' : ` { ${hook} }`}`,
    `flush chain ${path}`,
    ...rules.map((rule) => `add rule ${path} ${rule}`),
  ].join('\n')
}
