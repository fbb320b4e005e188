import { randomId } from '../base/random-id.ts'
import type { Store } from '../store/store.ts'
import { DEFAULT_NETWORK } from './networks-config.ts'
import { blankConfig, insertNetwork, type NetworkRow } from './network-rows.ts'

/** The networks that are always there; their ids are made once and kept. */
const PREDEFINED: ReadonlyArray<{ name: string; driver: string }> = [
  { name: DEFAULT_NETWORK, driver: 'bridge' },
  { name: 'host', driver: 'host' },
  { name: 'none', driver: 'null' },
]

export const PREDEFINED_NAMES: ReadonlySet<string> = new Set(PREDEFINED.map(({ name }) => name))

/** Names that no user's network may have (daemon/network/network_mode). */
export function isReserved(name: string): boolean {
  return name === 'default' || PREDEFINED_NAMES.has(name)
}

/** Makes the rows that are missing; answers those it made. */
export async function ensurePredefined(
  store: Store,
  present: readonly NetworkRow[],
): Promise<NetworkRow[]> {
  const names = new Set(present.map((row) => row.name))
  const missing = PREDEFINED.filter(({ name }) => !names.has(name)).map(({ name, driver }) => ({
    id: newId(),
    name,
    driver,
    createdAt: Date.now(),
    config: blankConfig(),
  }))
  if (missing.length > 0) await store.write(missing.map(insertNetwork))
  return missing
}

/** As Docker's: 64 hexadecimal digits. */
export function newId(): string {
  return randomId()
}
