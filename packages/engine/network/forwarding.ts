import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import type { Link } from '@tdocker/kernel'
import { sql, type Statement, type Store } from '../store/store.ts'
import type { Family } from './address.ts'

const SWITCH: Readonly<Record<Family, string>> = {
  4: '/proc/sys/net/ipv4/ip_forward',
  6: '/proc/sys/net/ipv6/conf/all/forwarding',
}
const IPV6_DEVICES = '/proc/sys/net/ipv6/conf'
const BOOT_ID = '/proc/sys/kernel/random/boot_id'
const META_KEY = 'network-guard'

/** Devices of the host that had forwarded nothing until we came, by address family. */
export interface Guard {
  bootId: string
  4?: string[]
  6?: string[]
}

/**
 * Forwarding makes a router of the machine. Where we turn it on, the devices that were there before
 * get no new ways between them; who wants those turns forwarding on first. Bridges are other
 * engines', which count on forwarding as we do.
 *
 * Answers the devices to guard, which are remembered for the daemons after us in this boot.
 */
export function enableForwarding(
  family: Family,
  store: Store,
  links: readonly Link[],
): { guarded: string[]; turnedOn: boolean; keep: Statement[] } {
  const known = storedGuard(store)
  const path = SWITCH[family]
  if (!existsSync(path)) return { guarded: [], turnedOn: false, keep: [] }
  if (readFileSync(path, 'utf8').trim() === '1')
    return { guarded: known[family] ?? [], turnedOn: false, keep: [] }
  const guarded = links
    .filter((link) => link.name !== 'lo' && link.kind !== 'bridge' && link.master === undefined)
    .map((link) => link.name)
  if (family === 6) keepRouterAdvertisements()
  writeFileSync(path, '1')
  const value = JSON.stringify({ ...known, [family]: guarded } satisfies Guard)
  const keep = [
    sql`INSERT INTO meta (key, value) VALUES (${META_KEY}, ${value})
      ON CONFLICT (key) DO UPDATE SET value = excluded.value`,
  ]
  return { guarded, turnedOn: true, keep }
}

function storedGuard(store: Store): Guard {
  const bootId = readFileSync(BOOT_ID, 'utf8').trim()
  const row = store.get<{ value: string }>('SELECT value FROM meta WHERE key = ?', META_KEY)
  const guard = row === undefined ? undefined : (JSON.parse(row.value) as Guard)
  return guard?.bootId === bootId ? guard : { bootId }
}

/**
 * A forwarding host ignores router advertisements (kernel ip-sysctl, accept_ra) and would lose its
 * own default route: devices that take them go on to.
 */
function keepRouterAdvertisements(): void {
  for (const device of readdirSync(IPV6_DEVICES)) {
    const path = `${IPV6_DEVICES}/${device}/accept_ra`
    if (device === 'all' || device === 'lo' || !existsSync(path)) continue
    if (readFileSync(path, 'utf8').trim() === '1') writeFileSync(path, '2')
  }
}
