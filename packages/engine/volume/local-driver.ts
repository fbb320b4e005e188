import { mkdir, readdir, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { KernelError, type Native } from '@tdocker/kernel/native.ts'
import { errnoText } from '../base/errno.ts'
import { system } from '../base/errors.ts'
import type { VolumeTree } from '../container/needs.ts'
import { isRecursive, mountSentence, parseMountOptions } from './mount-flags.ts'
import { type MountWish, mountWish, withoutPassword } from './mount-wish.ts'
import { treeOf, type TreeNative } from './mounted-volume.ts'
import { LOCAL, needsMount, sizeOf } from './volume-options.ts'
import { type QuotaNative, VolumeQuota } from './volume-quota.ts'

type LocalNative = Pick<Native, 'volumeMount' | 'closeFd' | 'removeTree'> & TreeNative & QuotaNative

type Options = Readonly<Record<string, string>>

/** Beside a volume's data. */
const FILLING = '_filling'

interface Mounted {
  /** The mount namespace that has the volume as its root. */
  keeper: number
  recursive: boolean
  users: Set<string>
}

/**
 * Volumes of the driver `local`: one directory each, `ROOT/NAME/_data`. One with a type and a device
 * is mounted while somebody uses it, in a mount namespace of its own and never in the host's; all
 * users share that mount. Calls on one volume come one after the other.
 */
export class LocalDriver {
  readonly quota: VolumeQuota
  readonly #native: LocalNative
  readonly #root: string
  readonly #mounted = new Map<string, Mounted>()

  constructor(o: { native: LocalNative; root: string }) {
    this.#native = o.native
    this.#root = o.root
    this.quota = new VolumeQuota(o)
  }

  mountpoint(name: string): string {
    return join(this.#root, name, '_data')
  }

  /** The directory; fine when it is there. */
  async make(name: string, options: Options): Promise<void> {
    const dir = this.mountpoint(name)
    const made = await mkdir(dir, { recursive: true, mode: 0o755 }).catch((error: unknown) => {
      const reason = errnoText(-((error as NodeJS.ErrnoException).errno ?? 0))
      const path = join(this.#root, name)
      throw system(
        `error while creating volume root path '${path}': mkdir ${path}: ${reason}`,
        error,
      )
    })
    if (made !== undefined) await this.#limit(name, options)
  }

  /**
   * Fills a volume that nobody has seen yet: beside its place, and put there when it is whole, so that
   * a crash leaves it empty or full.
   */
  async fill(name: string, options: Options, work: (dir: string) => Promise<void>): Promise<void> {
    if ((await readdir(this.mountpoint(name))).length > 0) return
    const beside = join(this.#root, name, FILLING)
    await this.#native.removeTree(beside)
    await mkdir(beside, { mode: 0o755 })
    const size = sizeOf(options)
    if (size > 0) await this.quota.limit(beside, size)
    await work(beside)
    // Of an empty directory, rename(2) takes the place.
    await rename(beside, this.mountpoint(name))
  }

  /** What a crash amid `fill` has left. */
  async collectGarbage(name: string): Promise<void> {
    await this.#native.removeTree(join(this.#root, name, FILLING))
  }

  async remove(name: string): Promise<void> {
    await this.#native.removeTree(join(this.#root, name))
  }

  /** For `user`, until its `unmount`. */
  async mount(
    name: string,
    o: { options: Options; subpath: string; user: string },
  ): Promise<VolumeTree> {
    const path = this.mountpoint(name)
    await this.#limit(name, o.options)
    if (!needsMount(o.options)) return treeOf(this.#native, { path, subpath: o.subpath })
    const mounted = this.#mounted.get(name) ?? (await this.#mount(name, o.options))
    mounted.users.add(o.user)
    try {
      const { keeper, recursive } = mounted
      return await treeOf(this.#native, { keeper, path, subpath: o.subpath, recursive })
    } catch (error) {
      this.unmount(name, o.user)
      throw error
    }
  }

  /** Fine when it was not mounted for `user`. */
  unmount(name: string, user: string): void {
    const mounted = this.#mounted.get(name)
    if (!mounted?.users.delete(user) || mounted.users.size > 0) return
    this.#mounted.delete(name)
    this.#native.closeFd(mounted.keeper)
  }

  /** After a restart of the daemon: `keeper` comes from a process of `user`. Takes it over. */
  adopt(name: string, o: { options: Options; user: string; keeper: number }): void {
    const mounted = this.#mounted.get(name)
    if (mounted) {
      mounted.users.add(o.user)
      this.#native.closeFd(o.keeper)
      return
    }
    const { flags } = parseMountOptions(o.options['o'] ?? '')
    const recursive = isRecursive(flags)
    this.#mounted.set(name, { keeper: o.keeper, recursive, users: new Set([o.user]) })
  }

  keepsMounted({ driver, options }: { driver: string; options: Options }): boolean {
    return driver === LOCAL && needsMount(options)
  }

  async #limit(name: string, options: Options): Promise<void> {
    const size = sizeOf(options)
    if (size === 0) return
    await this.quota.limit(this.mountpoint(name), size).catch((error: unknown) => {
      throw system('size quota requested for volume but no quota support', error)
    })
  }

  async #mount(name: string, options: Options): Promise<Mounted> {
    const target = this.mountpoint(name)
    try {
      const mounted = await this.#mountAt(target, await mountWish(options))
      this.#mounted.set(name, mounted)
      return mounted
    } catch (error) {
      throw system(`error while mounting volume '${target}': ${(error as Error).message}`, error)
    }
  }

  async #mountAt(target: string, wish: MountWish): Promise<Mounted> {
    const { flags, data } = parseMountOptions(wish.options)
    const { device, type } = wish
    try {
      const keeper = await this.#native.volumeMount({ device, target, type, flags, data })
      return { keeper, recursive: isRecursive(flags), users: new Set() }
    } catch (error) {
      if (!(error instanceof KernelError)) throw error
      const reason = errnoText(error.errno)
      const told = mountSentence({ operation: error.syscall, device, target, flags, data, reason })
      throw withoutPassword(system(`failed to mount local volume: ${told}`, error), wish.options)
    }
  }
}
