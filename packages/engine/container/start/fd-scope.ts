/** Descriptors of one launch: the shim gets duplicates, so all are closed at the end either way. */
export class FdScope implements Disposable {
  readonly #fds: number[] = []
  readonly #close: (fd: number) => void

  constructor(close: (fd: number) => void) {
    this.#close = close
  }

  add(fd: number): number {
    this.#fds.push(fd)
    return fd
  }

  [Symbol.dispose](): void {
    for (const fd of this.#fds.splice(0)) this.#close(fd)
  }
}
