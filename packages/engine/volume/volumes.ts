import { randomBytes } from 'node:crypto'
import { mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Native } from '@tdocker/kernel'
import { conflict, notFound } from '../base/errors.ts'
import { KeyedLock } from '../base/keyed-lock.ts'
import type { VolumeHandle, Volumes } from '../container/needs.ts'
import type { EventLog, NewEvent } from '../event/event-log.ts'
import { type Statement, sql, type Store } from '../store/store.ts'
import { checkVolumeName, checkVolumeOptions } from './volume-options.ts'
import { ANONYMOUS_LABEL, usersOf } from './volume-records.ts'

type VolumeNative = Pick<Native, 'openRoot' | 'closeFd' | 'copyTree' | 'statIn' | 'removeTree'>

/** Volumes of the `local` driver: one directory each, `ROOT/NAME/_data`. */
export class LocalVolumes implements Volumes {
  readonly #native: VolumeNative
  readonly #store: Store
  readonly #events: EventLog
  readonly #root: string
  readonly #lock = new KeyedLock()
  /** Volumes of creates under way, whose use is not a row yet; how many creates for each. */
  readonly #holds = new Map<string, number>()

  constructor(o: { native: VolumeNative; store: Store; events: EventLog; root: string }) {
    this.#native = o.native
    this.#store = o.store
    this.#events = o.events
    this.#root = o.root
  }

  acquire(o: {
    name: string
    driver: string
    labels: Record<string, string>
    options: Record<string, string>
  }): Promise<VolumeHandle> {
    const anonymous = o.name === ''
    const name = anonymous ? randomBytes(32).toString('hex') : o.name
    checkVolumeName(name)
    const labels = anonymous ? { ...o.labels, [ANONYMOUS_LABEL]: '' } : o.labels
    return this.#lock.run(name, () => this.#acquire({ ...o, labels, name, anonymous }))
  }

  /** Throws notFound, or conflict with the ids of those who use it. */
  remove(name: string): Promise<void> {
    return this.#lock.run(name, async () => {
      const row = this.#store.get<{ driver: string }>(
        'SELECT driver FROM volume WHERE name = ?',
        name,
      )
      if (!row) throw notFound(`get ${name}: no such volume`)
      const users = usersOf(this.#store, name)
      if (users.length > 0)
        throw conflict(`remove ${name}: volume is in use - [${users.join(', ')}]`)
      if (this.#holds.has(name)) throw conflict(`remove ${name}: volume is in use`)
      await this.#remove(name, row.driver)
    })
  }

  use(name: string, containerId: string): Statement {
    return sql`INSERT OR IGNORE INTO volume_use(volume_name, container_id) VALUES (${name}, ${containerId})`
  }

  populate(volume: VolumeHandle, from: { root: number; path: string }): Promise<void> {
    return this.#lock.run(volume.name, async () => {
      if ((await readdir(volume.mountpoint)).length > 0) return
      const source = await this.#native.statIn({ ...from, follow: true })
      if (source?.type !== 'directory') return
      const dest = this.#native.openRoot(volume.mountpoint)
      try {
        await this.#native.copyTree({ ...from, dest })
      } finally {
        this.#native.closeFd(dest)
      }
    })
  }

  mountpoint(name: string): string {
    return join(this.#root, name, '_data')
  }

  async removeAnonymousOf(containerId: string, names: readonly string[]): Promise<void> {
    for (const name of names)
      await this.#lock.run(name, async () => {
        const removable = this.#store.get<{ driver: string }>(
          `SELECT driver FROM volume WHERE name = ? AND anonymous = 1 AND NOT EXISTS
             (SELECT 1 FROM volume_use WHERE volume_name = name AND container_id <> ?)`,
          name,
          containerId,
        )
        if (removable) await this.#remove(name, removable.driver)
      })
  }

  /**
   * At start: directories nobody has a row for are left of an interrupted create or remove. Others
   * make volumes meanwhile, row first: what is there before the rows are asked for has one.
   */
  async collectGarbage(): Promise<void> {
    await mkdir(this.#root, { recursive: true, mode: 0o711 })
    for (const name of await readdir(this.#root))
      await this.#lock.run(name, async () => {
        const row = this.#store.get('SELECT 1 FROM volume WHERE name = ?', name)
        if (!row) await this.#native.removeTree(join(this.#root, name))
      })
  }

  async #acquire(o: {
    name: string
    anonymous: boolean
    driver: string
    labels: Record<string, string>
    options: Record<string, string>
  }): Promise<VolumeHandle> {
    const driver = o.driver === '' ? 'local' : o.driver
    const known = this.#store.get<{ driver: string; anonymous: number }>(
      'SELECT driver, anonymous FROM volume WHERE name = ?',
      o.name,
    )
    if (known && known.driver !== driver)
      throw conflict(`volume ${o.name} already exists but is not of driver ${driver}`)
    if (driver !== 'local')
      throw notFound(
        `create ${o.name}: error looking up volume plugin ${driver}: plugin "${driver}" not found`,
      )
    if (!known) {
      checkVolumeOptions(o.name, o.options)
      await this.#create({ ...o, driver })
    }
    const mountpoint = this.mountpoint(o.name)
    // The row comes first: after a crash between the two the directory is made here.
    await mkdir(mountpoint, { recursive: true, mode: 0o755 })
    const release = this.#hold(o.name)
    return {
      name: o.name,
      driver,
      mountpoint,
      anonymous: known ? known.anonymous === 1 : o.anonymous,
      created: !known,
      release,
      discard: () => {
        release()
        return this.#discard(o.name, driver, !known)
      },
    }
  }

  #hold(name: string): () => void {
    this.#holds.set(name, (this.#holds.get(name) ?? 0) + 1)
    let held = true
    return () => {
      if (!held) return
      held = false
      const left = (this.#holds.get(name) ?? 1) - 1
      if (left > 0) this.#holds.set(name, left)
      else this.#holds.delete(name)
    }
  }

  async #create(o: {
    name: string
    anonymous: boolean
    driver: string
    labels: Record<string, string>
    options: Record<string, string>
  }): Promise<void> {
    const now = BigInt(Date.now()) * 1_000_000n
    await this.#events.commit(
      [
        sql`INSERT INTO volume(name, driver, anonymous, created_at, labels_json, options_json, last_used_at)
            VALUES (${o.name}, ${o.driver}, ${o.anonymous ? 1 : 0}, ${now}, ${JSON.stringify(o.labels)}, ${JSON.stringify(o.options)}, ${now})`,
      ],
      [event('create', o.name, o.driver)],
    )
  }

  #discard(name: string, driver: string, created: boolean): Promise<void> {
    if (!created) return Promise.resolve()
    return this.#lock.run(name, async () => {
      // Somebody else may have found it meanwhile.
      if (this.#holds.has(name) || usersOf(this.#store, name).length > 0) return
      await this.#remove(name, driver)
    })
  }

  /** Row first: a directory without one is garbage, a row without its data would be a lie. */
  async #remove(name: string, driver: string): Promise<void> {
    await this.#events.commit(
      [
        sql`DELETE FROM volume_use WHERE volume_name = ${name}`,
        sql`DELETE FROM volume WHERE name = ${name}`,
      ],
      [event('destroy', name, driver)],
    )
    await this.#native.removeTree(join(this.#root, name))
  }
}

function event(action: 'create' | 'destroy', name: string, driver: string): NewEvent {
  return { type: 'volume', action, actorId: name, attributes: { driver } }
}
