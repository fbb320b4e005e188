import type { Family } from './address.ts'

/** An endpoint as a way out of its container. */
export interface GatewayCandidate {
  id: string
  network: string
  /** `GwPriority`. */
  priority: number
  internal: boolean
  /** Whether it can carry the default route of a family. */
  4: boolean
  6: boolean
}

/** Endpoints that carry the default routes; those of both families may differ. */
export interface Gateways {
  4: string | undefined
  6: string | undefined
}

/** moby's choice (libnetwork's Endpoint.Less): the first of the order that has the family. */
export function chooseGateways(candidates: readonly GatewayCandidate[]): Gateways {
  const ordered = candidates.toSorted(byRank)
  const first = (family: Family): string | undefined =>
    ordered.find((candidate) => candidate[family])?.id
  return { 4: first(4), 6: first(6) }
}

function byRank(a: GatewayCandidate, b: GatewayCandidate): number {
  return (
    b.priority - a.priority ||
    Number(a.internal) - Number(b.internal) ||
    families(b) - families(a) ||
    (a.network < b.network ? -1 : 1)
  )
}

function families(candidate: GatewayCandidate): number {
  return Number(candidate[4]) + Number(candidate[6])
}
