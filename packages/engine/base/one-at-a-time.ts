import { conflict } from './errors.ts'

/** For prunes: a second one while the first runs is refused with moby's sentence. */
export class OneAtATime {
  readonly #refusal: string
  #running = false

  constructor(refusal = 'a prune operation is already running') {
    this.#refusal = refusal
  }

  async run<T>(body: () => Promise<T>): Promise<T> {
    if (this.#running) throw conflict(this.#refusal)
    this.#running = true
    try {
      return await body()
    } finally {
      this.#running = false
    }
  }
}
