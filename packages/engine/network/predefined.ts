import { randomId } from '../base/random-id.ts'
import type { Store } from '../store/store.ts'
import { findNetwork, insertNetwork, type NetworkRow } from './endpoint-rows.ts'
import { DEFAULT_NETWORK } from './networks-config.ts'

/** The networks that are always there; their ids are made once and kept. */
export const PREDEFINED: ReadonlyArray<{ name: string; driver: string }> = [
  { name: DEFAULT_NETWORK, driver: 'bridge' },
  { name: 'host', driver: 'host' },
  { name: 'none', driver: 'null' },
]

export function driverOf(name: string): string | undefined {
  return PREDEFINED.find((network) => network.name === name)?.driver
}

/** Ids by name, after making the rows that are missing. */
export async function ensurePredefined(store: Store): Promise<Map<string, string>> {
  const ids = new Map<string, string>()
  const missing: NetworkRow[] = []
  for (const { name, driver } of PREDEFINED) {
    const present = findNetwork(store, name)
    const row = present ?? { id: newId(), name, driver, createdAt: Date.now(), config: {} }
    if (present === undefined) missing.push(row)
    ids.set(name, row.id)
  }
  if (missing.length > 0) await store.write(missing.map(insertNetwork))
  return ids
}

/** As Docker's: 64 hexadecimal digits. */
export function newId(): string {
  return randomId()
}
