import type { Native } from '@tdocker/kernel'

/**
 * Which chains of other firewalls would drop what containers forward. No accept of our own table
 * helps against a drop elsewhere: the packets must be accepted there as well.
 *
 * - iptables' FORWARD chain (nft variant), where its policy is DROP (dockerd, ufw) or it ends in a
 *   rule that drops or rejects all (iptables-services). Under DOCKER-USER where FORWARD jumps there,
 *   which is the chain that dockerd leaves to others.
 * - firewalld's own table: a bridge that is in no zone of its is a stranger there.
 */
export interface ForeignChain {
  family: 'ip' | 'ip6' | 'inet'
  table: string
  chain: string
  directions: readonly Direction[]
}

export type Direction = 'iifname' | 'oifname'

export interface NftRule {
  handle: number
  expr: ReadonlyArray<Readonly<Record<string, unknown>>>
}

export interface NftChain {
  policy?: string
  rules: NftRule[]
}

const BOTH: readonly Direction[] = ['iifname', 'oifname']

const iptables = (family: 'ip' | 'ip6', chain: string): ForeignChain => ({
  family,
  table: 'filter',
  chain,
  directions: BOTH,
})

const firewalld = (chain: string, directions: readonly Direction[]): ForeignChain => ({
  family: 'inet',
  table: 'firewalld',
  chain,
  directions,
})

/**
 * What its zone `docker` accepts, for dockerd's bridges: all that they forward, and what their
 * containers ask of the host.
 */
const FIREWALLD: readonly ForeignChain[] = [
  firewalld('filter_FORWARD', BOTH),
  firewalld('filter_INPUT', ['iifname']),
]

/** All that may ever hold an accept of ours. */
export const FOREIGN_CHAINS: readonly ForeignChain[] = [
  ...(['ip', 'ip6'] as const).flatMap((family) => [
    iptables(family, 'DOCKER-USER'),
    iptables(family, 'FORWARD'),
  ]),
  ...FIREWALLD,
]

/** Those where an accept is needed now, with what is in them. */
export async function chainsThatDrop(
  native: Pick<Native, 'nft'>,
): Promise<Array<[ForeignChain, NftChain]>> {
  const found: Array<[ForeignChain, NftChain]> = []
  for (const family of ['ip', 'ip6'] as const) {
    const forward = await listChain(native, iptables(family, 'FORWARD'))
    if (forward === undefined || !dropsAll(forward)) continue
    const user = iptables(family, 'DOCKER-USER')
    const rules = jumpsTo(forward, user.chain) ? await listChain(native, user) : undefined
    found.push(rules === undefined ? [iptables(family, 'FORWARD'), forward] : [user, rules])
  }
  for (const place of FIREWALLD) {
    const chain = await listChain(native, place)
    // Without the first there is no table.
    if (chain === undefined) break
    found.push([place, chain])
  }
  return found
}

export async function listChain(
  native: Pick<Native, 'nft'>,
  { family, table, chain }: ForeignChain,
): Promise<NftChain | undefined> {
  try {
    const answer = JSON.parse(await native.nft(`list chain ${family} ${table} ${chain}`)) as {
      nftables: Array<{ chain?: { policy?: string }; rule?: NftRule }>
    }
    const policy = answer.nftables.find((item) => item.chain !== undefined)?.chain?.policy
    return {
      ...(policy === undefined ? {} : { policy }),
      rules: answer.nftables.flatMap(({ rule }) => (rule === undefined ? [] : [rule])),
    }
  } catch {
    // No such table or chain: no such firewall on this machine.
    return undefined
  }
}

function dropsAll({ policy, rules }: NftChain): boolean {
  return policy === 'drop' || rules.some(({ expr }) => isWithoutMatch(expr) && isRefusal(expr))
}

function isWithoutMatch(expr: NftRule['expr']): boolean {
  return !expr.some((part) => 'match' in part || (part['xt'] && xtOf(part).type === 'match'))
}

function isRefusal(expr: NftRule['expr']): boolean {
  return expr.some((part) => 'drop' in part || 'reject' in part || xtOf(part).name === 'REJECT')
}

/** An extension of iptables that nftables has no words for. */
function xtOf(part: Readonly<Record<string, unknown>>): { type?: string; name?: string } {
  return (part['xt'] ?? {}) as { type?: string; name?: string }
}

function jumpsTo({ rules }: NftChain, chain: string): boolean {
  return rules.some(({ expr }) =>
    expr.some((part) => (part['jump'] as { target?: string } | undefined)?.target === chain),
  )
}
