import type { Native } from '@tdocker/kernel'

/**
 * Where another firewall (dockerd, ufw) has set the policy of iptables' FORWARD chain to DROP, no
 * accept of our own table helps: packets must be accepted in that chain as well. Only plain
 * `iifname`/`oifname` matches may be put there; iptables-nft cannot read anything else, and every
 * later iptables call on the chain would fail. What may really pass our own table decides.
 */
const TABLE = 'ip filter'
const CHAINS = ['DOCKER-USER', 'FORWARD'] as const

interface NftAnswer {
  nftables: Array<{ chain?: { policy?: string }; rule?: { handle: number; expr: unknown[] } }>
}

interface Match {
  match?: { left?: { meta?: { key?: string } }; right?: unknown }
}

/** Puts the accepts for `bridge` into the chain that drops; nothing where none does. */
export async function acceptForwarding(native: Pick<Native, 'nft'>, bridge: string): Promise<void> {
  const forward = await list(native, 'FORWARD')
  if (forward?.nftables.some((item) => item.chain?.policy === 'drop') !== true) return
  for (const name of CHAINS) {
    const chain = name === 'FORWARD' ? forward : await list(native, name)
    if (chain === undefined) continue
    const present = new Set(rulesOf(chain, bridge).map((rule) => rule.direction))
    const missing = ['iifname', 'oifname'].filter((direction) => !present.has(direction))
    if (missing.length > 0) {
      await native.nft(
        missing
          .map(
            (direction) => `insert rule ${TABLE} ${name} ${direction} "${bridge}" counter accept`,
          )
          .join('\n'),
      )
    }
    return
  }
}

/** Removes what `acceptForwarding` put there. */
export async function withdrawForwarding(
  native: Pick<Native, 'nft'>,
  bridge: string,
): Promise<void> {
  for (const name of CHAINS) {
    const chain = await list(native, name)
    const rules = chain === undefined ? [] : rulesOf(chain, bridge)
    if (rules.length === 0) continue
    await native.nft(
      rules.map(({ handle }) => `delete rule ${TABLE} ${name} handle ${handle}`).join('\n'),
    )
  }
}

async function list(native: Pick<Native, 'nft'>, chain: string): Promise<NftAnswer | undefined> {
  try {
    return JSON.parse(await native.nft(`list chain ${TABLE} ${chain}`)) as NftAnswer
  } catch {
    // No such table or chain: no iptables on this machine.
    return undefined
  }
}

function rulesOf(chain: NftAnswer, bridge: string): Array<{ handle: number; direction: string }> {
  return chain.nftables.flatMap(({ rule }) => {
    if (rule === undefined || !rule.expr.some((part) => isAccept(part))) return []
    const matches = rule.expr.filter((part) => (part as Match).match !== undefined) as Match[]
    const [only] = matches
    const direction = only?.match?.left?.meta?.key
    if (matches.length !== 1 || only?.match?.right !== bridge || direction === undefined) return []
    return [{ handle: rule.handle, direction }]
  })
}

function isAccept(part: unknown): boolean {
  return typeof part === 'object' && part !== null && 'accept' in part
}
