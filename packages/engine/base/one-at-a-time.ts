import { conflict } from './errors.ts'

/** For prunes: a second one while the first runs is refused with moby's sentence. */
export class OneAtATime {
  #running = false

  async run<T>(body: () => Promise<T>): Promise<T> {
    if (this.#running) throw conflict('a prune operation is already running')
    this.#running = true
    try {
      return await body()
    } finally {
      this.#running = false
    }
  }
}
