/** Work that nothing waits for but the end of its build: containers of steps on their way out. */
export class LeftOver implements AsyncDisposable {
  readonly #work = new Set<Promise<void>>()
  readonly #failed: (error: unknown) => void

  constructor(failed: (error: unknown) => void) {
    this.#failed = failed
  }

  add(work: Promise<void>): void {
    const done = work.catch(this.#failed).finally(() => this.#work.delete(done))
    this.#work.add(done)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#work)
  }
}
