/**
 * Who uses which cache mount. A cache has several directories where several steps want one to
 * themselves: the first is used whenever it may be, so that it holds what was gathered.
 * As BuildKit's `solver/llbsolver/mounts`: a private one that is in use is another one, a locked one
 * is waited for.
 */
import { createHash } from 'node:crypto'

export type Sharing = 'shared' | 'private' | 'locked'

/** A directory in use. */
export interface HeldMount extends Disposable {
  key: string
}

interface Use {
  users: number
  /** Others may join. */
  shared: boolean
}

export class MountPool {
  readonly #uses = new Map<string, Use>()
  readonly #waiting = new Set<() => void>()

  /** `base` names the cache. Only `locked` waits; throws the signal's reason. */
  async acquire(base: string, sharing: Sharing, signal: AbortSignal): Promise<HeldMount> {
    if (sharing === 'locked') return await this.#wait(base, signal)
    for (let place = 0; ; place++) {
      const key = keyOf(base, place)
      const use = this.#uses.get(key)
      if (!use || (sharing === 'shared' && use.shared)) return this.#hold(key, sharing === 'shared')
    }
  }

  isHeld(key: string): boolean {
    return this.#uses.has(key)
  }

  /** Runs `body` while nobody uses that directory. */
  async run<T>(key: string, body: () => Promise<T>): Promise<T> {
    using _held = await this.#wait(key, new AbortController().signal)
    return await body()
  }

  async #wait(key: string, signal: AbortSignal): Promise<HeldMount> {
    while (this.#uses.has(key)) {
      signal.throwIfAborted()
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#waiting.add(resolve)
      signal.addEventListener('abort', () => resolve(), { once: true })
      await promise
      this.#waiting.delete(resolve)
    }
    signal.throwIfAborted()
    return this.#hold(key, false)
  }

  #hold(key: string, shared: boolean): HeldMount {
    const use = this.#uses.get(key) ?? { users: 0, shared }
    use.users++
    this.#uses.set(key, use)
    let isHeld = true
    const release = (): void => {
      if (!isHeld) return
      isHeld = false
      if (--use.users > 0) return
      this.#uses.delete(key)
      for (const wake of [...this.#waiting]) wake()
    }
    return { key, [Symbol.dispose]: release }
  }
}

function keyOf(base: string, place: number): string {
  if (place === 0) return base
  return createHash('sha256').update(`${base} ${place}`).digest('hex')
}
