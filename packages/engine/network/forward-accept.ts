import type { Native } from '@tdocker/kernel'

/**
 * Where another firewall (dockerd, ufw) has set the policy of iptables' FORWARD chain to DROP, no
 * accept of our own table helps: packets must be accepted in that chain as well. Only plain
 * `iifname`/`oifname` matches may be put there; iptables-nft cannot read anything else, and every
 * later iptables call on the chain would fail. What may really pass our own table decides.
 */
const FAMILIES = ['ip', 'ip6'] as const
const CHAINS = ['DOCKER-USER', 'FORWARD'] as const
const DIRECTIONS = ['iifname', 'oifname'] as const

type FamilyName = (typeof FAMILIES)[number]

interface NftAnswer {
  nftables: Array<{ chain?: { policy?: string }; rule?: { handle: number; expr: unknown[] } }>
}

interface Match {
  match?: { left?: { meta?: { key?: string } }; right?: unknown }
}

interface Accept {
  handle: number
  direction: string
  bridge: string
}

/** Puts the accepts for `bridges` into the chain that drops; nothing where none does. */
export async function acceptForwarding(
  native: Pick<Native, 'nft'>,
  bridges: readonly string[],
): Promise<void> {
  if (bridges.length === 0) return
  for (const family of FAMILIES) await acceptIn(native, family, bridges)
}

async function acceptIn(
  native: Pick<Native, 'nft'>,
  family: FamilyName,
  bridges: readonly string[],
): Promise<void> {
  const forward = await list(native, family, 'FORWARD')
  if (forward?.nftables.some((item) => item.chain?.policy === 'drop') !== true) return
  for (const name of CHAINS) {
    const chain = name === 'FORWARD' ? forward : await list(native, family, name)
    if (chain === undefined) continue
    const present = new Set(acceptsOf(chain).map((rule) => `${rule.direction} ${rule.bridge}`))
    const missing = bridges
      .flatMap((bridge) => DIRECTIONS.map((direction) => ({ direction, bridge })))
      .filter(({ direction, bridge }) => !present.has(`${direction} ${bridge}`))
    if (missing.length > 0) {
      await native.nft(
        missing
          .map(
            ({ direction, bridge }) =>
              `insert rule ${family} filter ${name} ${direction} "${bridge}" counter accept`,
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
  bridges: readonly string[],
): Promise<void> {
  const gone = new Set(bridges)
  for (const family of FAMILIES) {
    for (const name of CHAINS) {
      const chain = await list(native, family, name)
      const rules = chain === undefined ? [] : acceptsOf(chain)
      const lines = rules
        .filter(({ bridge }) => gone.has(bridge))
        .map(({ handle }) => `delete rule ${family} filter ${name} handle ${handle}`)
      if (lines.length > 0) await native.nft(lines.join('\n'))
    }
  }
}

async function list(
  native: Pick<Native, 'nft'>,
  family: FamilyName,
  chain: string,
): Promise<NftAnswer | undefined> {
  try {
    return JSON.parse(await native.nft(`list chain ${family} filter ${chain}`)) as NftAnswer
  } catch {
    // No such table or chain: no iptables on this machine.
    return undefined
  }
}

function acceptsOf(chain: NftAnswer): Accept[] {
  return chain.nftables.flatMap(({ rule }) => {
    if (rule === undefined || !rule.expr.some((part) => isAccept(part))) return []
    const matches = rule.expr.filter((part) => (part as Match).match !== undefined) as Match[]
    const [only] = matches
    const direction = only?.match?.left?.meta?.key
    const bridge = only?.match?.right
    if (matches.length !== 1 || typeof bridge !== 'string' || direction === undefined) return []
    return [{ handle: rule.handle, direction, bridge }]
  })
}

function isAccept(part: unknown): boolean {
  return typeof part === 'object' && part !== null && 'accept' in part
}
