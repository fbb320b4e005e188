import type { Native } from '@tdocker/kernel'
import {
  chainsThatDrop,
  FOREIGN_CHAINS,
  listChain,
  type ForeignChain,
  type NftChain,
  type NftRule,
} from './foreign-chains.ts'

/**
 * Accepts for our bridges in other firewalls' chains that drop. Only plain `iifname`/`oifname`
 * matches may be put there; iptables-nft cannot read anything else, and every later iptables call
 * on the chain would fail. What may really pass our own table decides.
 */
interface Accept {
  handle: number
  direction: string
  bridge: string
}

/**
 * Puts the accepts for `bridges` where others drop; nothing where none does. A table that only its
 * owner may change (firewalld's, from its 2.1 on) is told to `onRefused`.
 */
export async function acceptForwarding(
  native: Pick<Native, 'nft'>,
  bridges: readonly string[],
  onRefused: (place: ForeignChain, error: unknown) => void,
): Promise<void> {
  if (bridges.length === 0) return
  for (const [place, chain] of await chainsThatDrop(native)) {
    const lines = missingAccepts(place, chain, bridges)
    if (lines.length === 0) continue
    await native.nft(lines.join('\n')).catch((error: unknown) => onRefused(place, error))
  }
}

function missingAccepts(
  { family, table, chain: name, directions }: ForeignChain,
  chain: NftChain,
  bridges: readonly string[],
): string[] {
  const present = new Set(acceptsOf(chain).map((rule) => `${rule.direction} ${rule.bridge}`))
  return bridges
    .flatMap((bridge) => directions.map((direction) => ({ direction, bridge })))
    .filter(({ direction, bridge }) => !present.has(`${direction} ${bridge}`))
    .map(
      ({ direction, bridge }) =>
        `insert rule ${family} ${table} ${name} ${direction} "${bridge}" counter accept`,
    )
}

/** Removes what `acceptForwarding` put there. */
export async function withdrawForwarding(
  native: Pick<Native, 'nft'>,
  bridges: readonly string[],
): Promise<void> {
  const gone = new Set(bridges)
  for (const place of FOREIGN_CHAINS) {
    const chain = await listChain(native, place)
    const rules = chain === undefined ? [] : acceptsOf(chain)
    const lines = rules
      .filter(({ bridge }) => gone.has(bridge))
      .map(
        ({ handle }) =>
          `delete rule ${place.family} ${place.table} ${place.chain} handle ${handle}`,
      )
    if (lines.length > 0) await native.nft(lines.join('\n'))
  }
}

interface Match {
  left?: { meta?: { key?: string } }
  right?: unknown
}

function acceptsOf(chain: NftChain): Accept[] {
  return chain.rules.flatMap(({ handle, expr }) => {
    const [only, ...more] = matchesOf(expr)
    const direction = only?.left?.meta?.key
    const bridge = only?.right
    if (more.length > 0 || typeof bridge !== 'string' || direction === undefined) return []
    return expr.some((part) => 'accept' in part) ? [{ handle, direction, bridge }] : []
  })
}

function matchesOf(expr: NftRule['expr']): Match[] {
  return expr.flatMap((part) => (part['match'] === undefined ? [] : [part['match'] as Match]))
}
