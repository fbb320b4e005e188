import { randomBytes } from 'node:crypto'
import { mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Native } from '@tdocker/kernel'
import { conflict, type EngineError, notFound, prefixed } from '../base/errors.ts'
import { KeyedLock } from '../base/keyed-lock.ts'
import type { VolumeHandle, Volumes, VolumeTree } from '../container/needs.ts'
import type { EventLog, NewEvent } from '../event/event-log.ts'
import { type Statement, sql, type Store } from '../store/store.ts'
import { LocalDriver } from './local-driver.ts'
import type { VolumePlugin } from './plugin/volume-plugin.ts'
import type { VolumePlugins } from './plugin/volume-plugins.ts'
import { VolumeMounts } from './volume-mounts.ts'
import { checkVolumeName, checkVolumeOptions, LOCAL } from './volume-options.ts'
import { ANONYMOUS_LABEL, findVolumeRecord, usersOf, type VolumeRecord } from './volume-records.ts'

type VolumeNative = Pick<
  Native,
  | 'openRoot'
  | 'closeFd'
  | 'copyTree'
  | 'statIn'
  | 'removeTree'
  | 'volumeMount'
  | 'volumeTree'
  | 'projectOf'
  | 'projectQuota'
>

export interface VolumeWish {
  name: string
  /** '' for that of the volume that is there, or `local`. */
  driver: string
  labels: Record<string, string>
  options: Record<string, string>
}

export interface EngineVolumesOptions {
  native: VolumeNative
  store: Store
  events: EventLog
  root: string
  plugins: VolumePlugins
  log: (what: string, error: unknown) => void
}

/** Volumes as rows, and what their drivers do for containers. One call at a time for each name. */
export class EngineVolumes implements Volumes {
  readonly local: LocalDriver
  readonly plugins: VolumePlugins
  readonly #o: EngineVolumesOptions
  readonly #mounts: VolumeMounts
  readonly #lock = new KeyedLock()
  /** Volumes of creates under way, whose use is not a row yet; how many creates for each. */
  readonly #holds = new Map<string, number>()

  constructor(o: EngineVolumesOptions) {
    this.#o = o
    this.plugins = o.plugins
    this.local = new LocalDriver(o)
    this.#mounts = new VolumeMounts({
      ...o,
      local: this.local,
      lock: this.#lock,
      holds: (name) => this.#holds.get(name) ?? 0,
    })
  }

  acquire(wish: VolumeWish): Promise<VolumeHandle> {
    if (wish.name !== '') return this.#lock.run(wish.name, () => this.#acquire(wish, false))
    const name = randomBytes(32).toString('hex')
    const labels = { ...wish.labels, [ANONYMOUS_LABEL]: '' }
    const driver = wish.driver || LOCAL
    return this.#lock.run(name, () => this.#acquire({ ...wish, name, driver, labels }, true))
  }

  /** Throws notFound, or conflict with the ids of those who use it. */
  remove(name: string): Promise<void> {
    return this.#lock.run(name, async () => {
      const record = findVolumeRecord(this.#o.store, name)
      if (!record) return this.#removeUnknown(name)
      if (record.users.length > 0)
        throw conflict(`remove ${name}: volume is in use - [${record.users.join(', ')}]`)
      if (this.#holds.has(name)) throw conflict(`remove ${name}: volume is in use`)
      await this.#remove(name, record.driver)
    })
  }

  use(name: string, containerId: string): Statement {
    return sql`INSERT OR IGNORE INTO volume_use(volume_name, container_id) VALUES (${name}, ${containerId})`
  }

  populate(
    volume: VolumeHandle,
    from: { root: number; path: string },
    subpath: string,
  ): Promise<void> {
    return this.#mounts.populate(volume, from, subpath)
  }

  mount(o: { name: string; subpath: string; user: string }): Promise<VolumeTree> {
    return this.#mounts.mount(o)
  }

  unmount(user: string, names: Iterable<string>): Promise<void> {
    return this.#mounts.unmount(user, names)
  }

  keptMounted(names: Iterable<string>): string[] {
    return this.#mounts.keptMounted(names)
  }

  adopt(o: { name: string; user: string; keeper: number }): void {
    this.#mounts.adopt(o)
  }

  mountpoint(name: string): string {
    return this.local.mountpoint(name)
  }

  async removeAnonymousOf(containerId: string, names: readonly string[]): Promise<void> {
    for (const name of names)
      await this.#lock.run(name, async () => {
        const removable = this.#o.store.get<{ driver: string }>(
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
    const { root, store, native } = this.#o
    await mkdir(root, { recursive: true, mode: 0o711 })
    for (const name of await readdir(root))
      await this.#lock.run(name, async () => {
        const row = store.get('SELECT 1 FROM volume WHERE name = ?', name)
        if (row) await this.local.collectGarbage(name)
        else await native.removeTree(join(root, name))
      })
  }

  /** A row whose plugin has forgotten the volume. */
  async forget(name: string): Promise<void> {
    if (usersOf(this.#o.store, name).length > 0) return
    await this.#o.events.commit([sql`DELETE FROM volume WHERE name = ${name}`], [])
  }

  async #acquire(wish: VolumeWish, anonymous: boolean): Promise<VolumeHandle> {
    try {
      const known = await this.#known(wish)
      const record = known ?? (await this.#create(wish, anonymous))
      try {
        return this.#handle(record, await this.#ready(record), known === undefined)
      } catch (error) {
        if (!known)
          await this.#remove(record.name, record.driver).catch((after: unknown) =>
            this.#o.log(`volume ${record.name} not made and not removed`, after),
          )
        throw error
      }
    } catch (error) {
      throw prefixed(`create ${wish.name}`, error)
    }
  }

  /** Throws conflict when another driver has it. A row that its plugin knows nothing of goes. */
  async #known(wish: VolumeWish): Promise<VolumeRecord | undefined> {
    const { name } = wish
    const known = findVolumeRecord(this.#o.store, name)
    if (!known) return undefined
    const clashes = wish.driver !== '' && wish.driver !== known.driver
    if (clashes && wish.driver !== LOCAL) await this.plugins.get(wish.driver)
    const exists = known.driver === LOCAL || (await this.#existsIn(known))
    if (exists && !clashes) return known
    if (exists) throw nameConflict(`driver '${known.driver}' already has volume '${name}'`)
    if (known.users.length > 0)
      throw nameConflict(
        `found references to volume '${name}' in driver '${known.driver}' but the volume was not found in the driver -- you may need to remove containers referencing this volume or force remove the volume to re-create it`,
      )
    await this.forget(name)
    return undefined
  }

  async #existsIn({ name, driver }: VolumeRecord): Promise<boolean> {
    try {
      return (await this.findIn(await this.plugins.get(driver), name)) !== undefined
    } catch (error) {
      throw nameConflict(
        `found reference to volume '${name}' in driver '${driver}', but got an error while checking the driver: ${(error as Error).message}`,
      )
    }
  }

  /** What a plugin knows of a volume. Its errors mean that it knows nothing, as in moby. */
  async findIn(
    plugin: VolumePlugin,
    name: string,
    once = false,
  ): Promise<Awaited<ReturnType<VolumePlugin['get']>>> {
    return plugin.get(name, once).catch((error: unknown) => {
      this.#o.log(`volume ${name} not found in ${plugin.name}`, error)
      return undefined
    })
  }

  /** The plugin that has a volume we have no row for. */
  async probe(name: string): Promise<VolumePlugin | undefined> {
    for (const plugin of await this.plugins.all())
      if (await this.findIn(plugin, name, true)) return plugin
    return undefined
  }

  async #create(wish: VolumeWish, anonymous: boolean): Promise<VolumeRecord> {
    const driver = wish.driver || (await this.probe(wish.name))?.name || LOCAL
    if (driver === LOCAL) {
      checkVolumeName(wish.name)
      await checkVolumeOptions(wish.options, this.local.quota)
    } else {
      const plugin = await this.plugins.get(driver)
      if (!(await this.findIn(plugin, wish.name))) await plugin.create(wish.name, wish.options)
    }
    const createdNs = BigInt(Date.now()) * 1_000_000n
    await this.#o.events.commit(
      [
        sql`INSERT INTO volume(name, driver, anonymous, created_at, labels_json, options_json, last_used_at)
            VALUES (${wish.name}, ${driver}, ${anonymous ? 1 : 0}, ${createdNs}, ${JSON.stringify(wish.labels)}, ${JSON.stringify(wish.options)}, ${createdNs})`,
      ],
      [event('create', wish.name, driver)],
    )
    return { ...wish, driver, anonymous, createdNs, users: [] }
  }

  /** Its mountpoint. The row comes first: after a crash between the two the directory is made here. */
  async #ready({ name, driver, options }: VolumeRecord): Promise<string> {
    if (driver === LOCAL) {
      await this.local.make(name, options)
      return this.mountpoint(name)
    }
    const plugin = await this.plugins.get(driver)
    const mountpoint = (await this.findIn(plugin, name))?.mountpoint
    return mountpoint || (await plugin.path(name).catch(() => ''))
  }

  #handle(record: VolumeRecord, mountpoint: string, created: boolean): VolumeHandle {
    const { name, driver, anonymous } = record
    const release = this.#hold(name)
    return {
      name,
      driver,
      mountpoint,
      anonymous,
      created,
      release,
      discard: () => {
        release()
        return this.#discard(name, driver, created)
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

  #discard(name: string, driver: string, created: boolean): Promise<void> {
    if (!created) return Promise.resolve()
    return this.#lock.run(name, async () => {
      // Somebody else may have found it meanwhile.
      if (this.#holds.has(name) || usersOf(this.#o.store, name).length > 0) return
      await this.#remove(name, driver)
    })
  }

  /** Of a plugin, made by others. */
  async #removeUnknown(name: string): Promise<void> {
    const plugin = await this.probe(name)
    if (!plugin) throw notFound(`get ${name}: no such volume`)
    await this.#removeByPlugin(plugin, name)
    await this.#o.events.commit([], [event('destroy', name, plugin.name)])
  }

  async #removeByPlugin(plugin: VolumePlugin, name: string): Promise<void> {
    try {
      await plugin.remove(name)
    } catch (error) {
      throw prefixed(`remove ${name}`, error)
    }
  }

  /**
   * A local one's row first: a directory without one is garbage, a row without its data would be a
   * lie. A plugin keeps its own books, and may refuse.
   */
  async #remove(name: string, driver: string): Promise<void> {
    if (driver !== LOCAL) await this.#removeByPlugin(await this.plugins.get(driver), name)
    await this.#o.events.commit(
      [
        sql`DELETE FROM volume_use WHERE volume_name = ${name}`,
        sql`DELETE FROM volume WHERE name = ${name}`,
      ],
      [event('destroy', name, driver)],
    )
    if (driver === LOCAL) await this.local.remove(name)
  }
}

function event(action: 'create' | 'destroy', name: string, driver: string): NewEvent {
  return { type: 'volume', action, actorId: name, attributes: { driver } }
}

function nameConflict(why: string): EngineError {
  return conflict(`${why}: volume name must be unique`)
}
