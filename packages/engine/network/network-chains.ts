/** What one network adds to our nftables table: a few chains, and elements that lead there. */

/**
 * How the outside reaches containers, as moby's `gateway_mode` says it: rewritten addresses with
 * (`nat`) or without (`nat-unprotected`) a guard around the containers' own, or routed ones.
 */
export type GatewayMode = 'nat' | 'nat-unprotected' | 'routed' | 'isolated'

export interface FirewallNetwork {
  /** Begins with twelve hexadecimal digits that no other network has. */
  id: string
  bridge: string
  /** CIDR of the containers' addresses; undefined without the family. */
  subnet?: string
  subnet6?: string
  mode: GatewayMode
  mode6: GatewayMode
  masquerade: boolean
  /** Whether containers of the network may talk to each other. */
  interContainer: boolean
  /** Nothing leaves, nothing comes in. */
  internal: boolean
  /** Devices of the host that reach containers as if they were neighbours. */
  trusted: readonly string[]
  /** The address that leaving packets are given, instead of the outgoing device's. */
  source?: string
  source6?: string
}

const FAMILY = 'inet'

/**
 * The network's chains, without rules. In a transaction that makes the maps as well they come
 * before these: libnftables moves elements of interval maps to where the map is made.
 */
export function chainsText(table: string, network: FirewallNetwork): string[] {
  return chainsOf(network).map(({ name }) => `add chain ${FAMILY} ${table} ${name}`)
}

/** Adds the network to a table without it. */
export function networkText(table: string, network: FirewallNetwork): string[] {
  return [...chainsText(table, network), ...contentsText(table, network)]
}

/** What leads to its chains, and what is in them. */
export function contentsText(table: string, network: FirewallNetwork): string[] {
  return [
    ...chainsOf(network).flatMap(({ name, rules }) =>
      rules.map((rule) => `add rule ${FAMILY} ${table} ${name} ${rule}`),
    ),
    ...elementsOf(network).map(
      ({ map, key, chain }) =>
        `add element ${FAMILY} ${table} ${map} { ${key}${chain === undefined ? '' : ` : jump ${chain}`} }`,
    ),
  ]
}

/** Takes it out again. The elements first: a chain that is jumped to is in use. */
export function deleteNetworkText(table: string, network: FirewallNetwork): string[] {
  return [
    ...elementsOf(network).map(
      ({ map, key }) => `delete element ${FAMILY} ${table} ${map} { ${key} }`,
    ),
    ...chainsOf(network).flatMap(({ name }) => [
      `flush chain ${FAMILY} ${table} ${name}`,
      `delete chain ${FAMILY} ${table} ${name}`,
    ]),
  ]
}

interface Chain {
  name: string
  rules: string[]
}

interface Element {
  map: string
  key: string
  chain?: string
}

function chainsOf(network: FirewallNetwork): Chain[] {
  const { bridge, internal } = network
  return [
    { name: chainName(network, 'raw'), rules: rawRules(network) },
    { name: chainName(network, 'into'), rules: intoRules(network) },
    ...(internal
      ? [{ name: chainName(network, 'out'), rules: [`oifname != "${bridge}" drop`] }]
      : []),
    ...(network.subnet ? [{ name: chainName(network, 'nat'), rules: natRules(network, 4) }] : []),
    ...(network.subnet6 ? [{ name: chainName(network, 'nat6'), rules: natRules(network, 6) }] : []),
  ]
}

function elementsOf(network: FirewallNetwork): Element[] {
  const { bridge, subnet, subnet6, internal } = network
  const device = `"${bridge}"`
  const families = [
    { subnet, suffix: '', mode: network.mode },
    { subnet: subnet6, suffix: '6', mode: network.mode6 },
  ]
  return [
    { map: 'bridges', key: device },
    { map: 'into', key: device, chain: chainName(network, 'into') },
    ...(internal ? [{ map: 'out_of', key: device, chain: chainName(network, 'out') }] : []),
    ...families.flatMap(({ subnet: key, suffix, mode }) => {
      if (key === undefined) return []
      // Without masquerade answers come back to the containers' own addresses, and raw cannot tell
      // them from strangers: there `into` alone keeps these out.
      const guarded = internal || (mode === 'nat' && network.masquerade)
      return [
        ...(guarded ? [{ map: `guards${suffix}`, key, chain: chainName(network, 'raw') }] : []),
        { map: `leaving${suffix}`, key, chain: chainName(network, `nat${suffix}`) },
      ]
    }),
  ]
}

function rawRules({ bridge, trusted, internal }: FirewallNetwork): string[] {
  return [
    `iifname "${bridge}" return`,
    ...(trusted.length > 0 && !internal ? [`iifname ${setOf(trusted)} return`] : []),
    'fib daddr type local return',
    'drop',
  ]
}

function intoRules(network: FirewallNetwork): string[] {
  const { bridge, interContainer, internal, trusted } = network
  const neighbours = interContainer ? [`iifname "${bridge}" accept`] : []
  if (internal) return [...neighbours, 'drop']
  return [
    ...neighbours,
    'ct status dnat accept',
    ...(trusted.length > 0 ? [`iifname ${setOf(trusted)} accept`] : []),
    ...openRules(network, 4),
    ...openRules(network, 6),
    'drop',
  ]
}

/** What reaches a container under its own address. */
function openRules(network: FirewallNetwork, family: 4 | 6): string[] {
  const [mode, word, set, icmp] =
    family === 4
      ? [network.mode, 'ip', '@routed', 'icmp']
      : [network.mode6, 'ip6', '@routed6', 'ipv6-icmp']
  // Neighbours that may not talk to each other do not become strangers by that.
  const outside = `iifname != "${network.bridge}" meta nfproto ipv${family}`
  if (mode === 'nat-unprotected') return [`${outside} accept`]
  if (mode !== 'routed') return []
  return [
    `${outside} ${word} daddr . meta l4proto . th dport ${set} accept`,
    `${outside} meta l4proto ${icmp} accept`,
  ]
}

function natRules(network: FirewallNetwork, family: 4 | 6): string[] {
  const { bridge, masquerade, internal } = network
  const [mode, source, word] =
    family === 4 ? [network.mode, network.source, 'ip'] : [network.mode6, network.source6, 'ip6']
  const leaves = masquerade && !internal && mode !== 'routed' && mode !== 'isolated'
  const rewrite = source === undefined ? 'masquerade' : `snat ${word} to ${source}`
  return [
    `oifname "${bridge}" ct status dnat masquerade`,
    ...(leaves ? [`oifname != "${bridge}" ${rewrite}`] : []),
  ]
}

function chainName({ id }: FirewallNetwork, what: string): string {
  return `n${id.slice(0, 12)}_${what}`
}

function setOf(links: readonly string[]): string {
  return `{ ${links.map((link) => `"${link}"`).join(', ')} }`
}
