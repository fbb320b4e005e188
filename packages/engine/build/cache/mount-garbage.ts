/** Directories of cache mounts against their rows, after a daemon's end, however it ended. */
import { mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Native } from '@tdocker/kernel/native.ts'
import { type Store, sql } from '../../store/store.ts'

export async function collectMounts(o: {
  native: Pick<Native, 'removeTree'>
  store: Store
  directory: string
}): Promise<void> {
  const begun = Date.now()
  await mkdir(o.directory, { recursive: true, mode: 0o710 })
  // Builds may be at work already: a row is there before its directory.
  const there = new Set(await readdir(o.directory))
  const rows = o.store.all<{ key: string; last_used_at: number }>(
    'SELECT key, last_used_at FROM build_mount',
  )
  const known = new Set(rows.map(({ key }) => key))
  const lost = rows
    .filter((row) => !there.has(row.key) && row.last_used_at < begun)
    .map(({ key }) => key)
  if (lost.length > 0)
    await o.store.write(lost.map((key) => sql`DELETE FROM build_mount WHERE key = ${key}`))
  for (const key of there) if (!known.has(key)) await o.native.removeTree(join(o.directory, key))
}
