/** Directories of one build, made when something needs them: a build from the cache needs none. */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'

export class BuildWorkspace implements AsyncDisposable {
  readonly #make: () => Promise<AsyncDisposable & { directory: string }>
  #made: Promise<AsyncDisposable & { directory: string }> | undefined
  readonly #directories = new Map<string, Promise<string>>()

  constructor(make: () => Promise<AsyncDisposable & { directory: string }>) {
    this.#make = make
  }

  /** The client's files; empty at first. */
  context(): Promise<string> {
    return this.#directory('context', 0o755)
  }

  /** What only this build reads: downloads, scripts. */
  scratch(): Promise<string> {
    return this.#directory('scratch', 0o700)
  }

  #directory(name: string, mode: number): Promise<string> {
    const known = this.#directories.get(name)
    if (known) return known
    const made = this.#create(name, mode)
    this.#directories.set(name, made)
    return made
  }

  async #create(name: string, mode: number): Promise<string> {
    const { directory } = await (this.#made ??= this.#make())
    const path = join(directory, name)
    await mkdir(path, { mode })
    return path
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const made = await this.#made?.catch(() => undefined)
    await made?.[Symbol.asyncDispose]()
  }
}
