import { randomBytes } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import type { Native } from '@tdocker/kernel'
import { isKind, notFound, prefixed, system } from '../base/errors.ts'
import type { KeyedLock } from '../base/keyed-lock.ts'
import type { VolumeHandle, VolumeTree } from '../container/needs.ts'
import type { Store } from '../store/store.ts'
import type { LocalDriver } from './local-driver.ts'
import { treeOf } from './mounted-volume.ts'
import type { VolumePlugins } from './plugin/volume-plugins.ts'
import { LOCAL } from './volume-options.ts'
import { findVolumeRecord, type VolumeRecord } from './volume-records.ts'

export interface VolumeMountsOptions {
  native: Pick<Native, 'openRoot' | 'closeFd' | 'copyTree' | 'statIn' | 'volumeTree'>
  store: Store
  local: LocalDriver
  plugins: VolumePlugins
  /** By name of volume; the same for all that is done to volumes. */
  lock: KeyedLock
  /** How many creates under way have a volume. */
  holds(name: string): number
  log: (what: string, error: unknown) => void
}

/** What containers see of volumes: mounted for them while they use them, filled when they are new. */
export class VolumeMounts {
  readonly #o: VolumeMountsOptions

  constructor(o: VolumeMountsOptions) {
    this.#o = o
  }

  async populate(
    volume: VolumeHandle,
    from: { root: number; path: string },
    subpath: string,
  ): Promise<void> {
    const source = await this.#o.native.statIn({ ...from, follow: true })
    if (source?.type !== 'directory') return
    if (volume.created && subpath === '' && (await this.#fillApart(volume.name, from))) return
    const user = `populate-${randomBytes(8).toString('hex')}`
    let tree: VolumeTree
    try {
      tree = await this.mount({ name: volume.name, subpath, user })
    } catch (error) {
      if (isKind(error, 'notFound')) return
      throw prefixed('failed to populate volume', error)
    }
    try {
      if (tree.directory) await this.#o.lock.run(volume.name, () => this.#fill(tree.source, from))
    } finally {
      if ('fd' in tree.source) this.#o.native.closeFd(tree.source.fd)
      await this.unmount(user, [volume.name])
    }
  }

  mount(o: { name: string; subpath: string; user: string }): Promise<VolumeTree> {
    return this.#o.lock.run(o.name, async () => {
      const record = findVolumeRecord(this.#o.store, o.name)
      if (!record) throw notFound(`get ${o.name}: no such volume`)
      if (record.driver !== LOCAL) return this.#mountByPlugin(record, o)
      const { options } = record
      await this.#o.local.make(o.name, options)
      return this.#o.local.mount(o.name, { options, subpath: o.subpath, user: o.user })
    })
  }

  /** Never fails: a plugin that does is a line in the log, as in moby. */
  async unmount(user: string, names: Iterable<string>): Promise<void> {
    // All take their turn now: a mount for the same user that is asked for later comes later.
    await Promise.all(
      [...new Set(names)].map((name) => this.#o.lock.run(name, () => this.#unmount(name, user))),
    )
  }

  async #unmount(name: string, user: string): Promise<void> {
    this.#o.local.unmount(name, user)
    const record = findVolumeRecord(this.#o.store, name)
    if (!record || record.driver === LOCAL) return
    try {
      await (await this.#o.plugins.get(record.driver)).unmount(name, user)
    } catch (error) {
      this.#o.log(`volume ${name} not unmounted by ${record.driver}`, error)
    }
  }

  /** Names of those, in order of name, that a container's process keeps a descriptor for. */
  keptMounted(names: Iterable<string>): string[] {
    return [...new Set(names)].sort().filter((name) => {
      const record = findVolumeRecord(this.#o.store, name)
      return record !== undefined && this.#o.local.keepsMounted(record)
    })
  }

  adopt(o: { name: string; user: string; keeper: number }): void {
    const options = findVolumeRecord(this.#o.store, o.name)?.options ?? {}
    this.#o.local.adopt(o.name, { ...o, options })
  }

  async #mountByPlugin(
    { name, driver }: VolumeRecord,
    o: { subpath: string; user: string },
  ): Promise<VolumeTree> {
    const plugin = await this.#o.plugins.get(driver)
    let path = ''
    try {
      path = await plugin.mount(name, o.user)
      if (!path.startsWith('/')) throw system(`plugin ${driver} told no mountpoint`)
    } catch (error) {
      throw system(`error while mounting volume '${path}': ${(error as Error).message}`, error)
    }
    try {
      return await treeOf(this.#o.native, { path, subpath: o.subpath })
    } catch (error) {
      await plugin.unmount(name, o.user).catch(() => {})
      throw error
    }
  }

  /** false for one whose data is not a directory of ours alone. */
  #fillApart(name: string, from: { root: number; path: string }): Promise<boolean> {
    return this.#o.lock.run(name, async () => {
      const record = findVolumeRecord(this.#o.store, name)
      const alone = record?.users.length === 0 && this.#o.holds(name) === 1
      if (!alone || record.driver !== LOCAL || this.#o.local.keepsMounted(record)) return false
      await this.#o.local.fill(name, record.options, (path) => this.#fill({ path }, from))
      return true
    })
  }

  /** Only an empty one is filled. */
  async #fill(to: VolumeTree['source'], from: { root: number; path: string }): Promise<void> {
    const { native } = this.#o
    const path = 'fd' in to ? `/proc/self/fd/${to.fd}` : to.path
    if ((await readdir(path)).length > 0) return
    const dest = 'fd' in to ? to.fd : native.openRoot(path)
    try {
      await native.copyTree({ ...from, dest })
    } finally {
      if (!('fd' in to)) native.closeFd(dest)
    }
  }
}
