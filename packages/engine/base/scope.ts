/**
 * The rollback scope of one verb: each undo is registered on the line after its do, and all run in
 * reverse order unless the verb got to `release()`.
 *
 *     await using scope = new RollbackScope(log)
 *     const netns = await native.netnsCreate({})
 *     scope.undo('close netns', () => native.closeFd(netns))
 *     …
 *     scope.release()
 */
export class RollbackScope implements AsyncDisposable {
  #undos: Array<{ what: string; undo: () => unknown }> = []
  readonly #onError: (what: string, error: unknown) => void

  /** `onError` hears of undos that fail; the others still run. */
  constructor(onError: (what: string, error: unknown) => void) {
    this.#onError = onError
  }

  undo(what: string, undo: () => unknown): void {
    this.#undos.push({ what, undo })
  }

  /** The verb succeeded: nothing is undone any more. */
  release(): void {
    this.#undos = []
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { what, undo } of this.#undos.reverse()) {
      try {
        await undo()
      } catch (error) {
        this.#onError(what, error)
      }
    }
    this.#undos = []
  }
}
