import type { Volume } from '@tdocker/api'
import type { Store } from '../store/store.ts'

/** The label by which clients know a volume that got its name from us. */
export const ANONYMOUS_LABEL = 'com.docker.volume.anonymous'

export interface VolumeRecord {
  name: string
  driver: string
  anonymous: boolean
  /** Nanoseconds since 1970. */
  createdNs: bigint
  labels: Readonly<Record<string, string>>
  options: Readonly<Record<string, string>>
  /** Ids of containers, running or not. */
  users: readonly string[]
}

interface VolumeRow {
  name: string
  driver: string
  anonymous: number
  created_at: number | bigint
  labels_json: string
  options_json: string
}

const COLUMNS = 'name, driver, anonymous, created_at, labels_json, options_json'

/** In order of name. */
export function listVolumeRecords(store: Store): VolumeRecord[] {
  const users = new Map<string, string[]>()
  for (const { volume_name: name, container_id: id } of store.all<{
    volume_name: string
    container_id: string
  }>('SELECT volume_name, container_id FROM volume_use ORDER BY container_id')) {
    const known = users.get(name)
    if (known) known.push(id)
    else users.set(name, [id])
  }
  return store
    .all<VolumeRow>(`SELECT ${COLUMNS} FROM volume ORDER BY name`)
    .map((row) => fromRow(row, users.get(row.name) ?? []))
}

export function findVolumeRecord(store: Store, name: string): VolumeRecord | undefined {
  const row = store.get<VolumeRow>(`SELECT ${COLUMNS} FROM volume WHERE name = ?`, name)
  return row && fromRow(row, usersOf(store, name))
}

export function usersOf(store: Store, name: string): string[] {
  return store
    .all<{ id: string }>(
      'SELECT container_id AS id FROM volume_use WHERE volume_name = ? ORDER BY container_id',
      name,
    )
    .map(({ id }) => id)
}

function fromRow(row: VolumeRow, users: readonly string[]): VolumeRecord {
  const labels = JSON.parse(row.labels_json) as Record<string, string>
  const anonymous = row.anonymous === 1
  return {
    name: row.name,
    driver: row.driver,
    anonymous,
    createdNs: BigInt(row.created_at),
    // Rows of earlier versions have the column only.
    labels: anonymous ? { [ANONYMOUS_LABEL]: '', ...labels } : labels,
    options: JSON.parse(row.options_json) as Record<string, string>,
    users,
  }
}

/** As clients see it. */
export function volumeOf(record: VolumeRecord, mountpoint: string): Volume {
  const seconds = Number(record.createdNs / 1_000_000_000n)
  return {
    CreatedAt: new Date(seconds * 1000).toISOString().replace('.000Z', 'Z'),
    Driver: record.driver,
    Labels: orNull(record.labels),
    Mountpoint: mountpoint,
    Name: record.name,
    Options: orNull(record.options),
    Scope: 'local',
  }
}

/** A plugin's, with the labels and options that we keep for it. */
export function pluginVolumeOf(
  record: VolumeRecord,
  found: {
    mountpoint: string
    createdAt: string
    scope: 'local' | 'global'
    status: Record<string, unknown>
  },
): Volume {
  return {
    ...volumeOf(record, found.mountpoint),
    CreatedAt: found.createdAt || '0001-01-01T00:00:00Z',
    Scope: found.scope,
    ...(Object.keys(found.status).length > 0 ? { Status: found.status } : {}),
  }
}

/** Go's nil map, which is what moby has where nothing was given. */
function orNull(map: Readonly<Record<string, string>>): Record<string, string> | null {
  return Object.keys(map).length === 0 ? null : { ...map }
}
