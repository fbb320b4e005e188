import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { KernelError, type Native } from '@tdocker/kernel/native.ts'
import { invalidParameter } from '../base/errors.ts'

export type QuotaNative = Pick<Native, 'projectOf' | 'projectQuota'>

/** Sizes of volumes by project quotas, where the file system of `root` counts by project. */
export class VolumeQuota {
  readonly #native: QuotaNative
  readonly #root: string
  #supported: Promise<boolean> | undefined
  #last: Promise<number> | undefined

  constructor(o: { native: QuotaNative; root: string }) {
    this.#native = o.native
    this.#root = o.root
  }

  /** Whether there are quotas; asked once. */
  supported(): Promise<boolean> {
    this.#supported ??= this.#probe()
    return this.#supported
  }

  /** Throws invalidParameter where there are no quotas. */
  async check(): Promise<void> {
    if (!(await this.supported()))
      throw invalidParameter('quota size requested but no quota support')
  }

  /** Limits what may be written below `dir`; also of one that has been limited before. */
  async limit(dir: string, bytes: number): Promise<void> {
    const given = await this.#native.projectOf(dir)
    // Whatever is made below the directory of all volumes has its project, until it gets its own.
    const inherited = given === 0 || given === (await this.#rootProject())
    const project = inherited ? await this.#next() : given
    await this.#native.projectQuota({ dir, project, bytes })
  }

  /** As moby does: a limit of nothing on the directory of all volumes. */
  async #probe(): Promise<boolean> {
    try {
      const project = await this.#rootProject()
      await this.#native.projectQuota({ dir: this.#root, project, bytes: 0 })
      return true
    } catch (error) {
      if (error instanceof KernelError) return false
      throw error
    }
  }

  async #rootProject(): Promise<number> {
    return (await this.#native.projectOf(this.#root)) || 1
  }

  async #next(): Promise<number> {
    this.#last = (this.#last ?? this.#highest()).then((last) => last + 1)
    return this.#last
  }

  async #highest(): Promise<number> {
    let highest = await this.#rootProject()
    for (const name of await readdir(this.#root)) {
      const id = await this.#native.projectOf(join(this.#root, name, '_data')).catch(() => 0)
      highest = Math.max(highest, id)
    }
    return highest
  }
}
