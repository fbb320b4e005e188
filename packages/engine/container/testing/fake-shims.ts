/** Shims that run nothing: what is asked of them is noted, and a test says when they end. */
import type { ExitRecord, LaunchPlan } from '@tdocker/kernel/shim/plan.ts'
import type { ShimLauncher, ShimProcess } from '@tdocker/kernel/shim/shim.ts'

export class FakeShim implements ShimProcess {
  static #nextPid = 1000
  readonly pid: number = FakeShim.#nextPid++
  readonly shimPid: number = FakeShim.#nextPid++
  readonly plan: LaunchPlan | undefined
  readonly #exit = Promise.withResolvers<ExitRecord | undefined>()
  readonly exited: Promise<ExitRecord | undefined> = this.#exit.promise
  readonly attached: number[] = []
  size: [number, number] | undefined
  closed = false
  detach: () => void = () => {}

  constructor(plan?: LaunchPlan) {
    this.plan = plan
  }

  onRotate(): void {}

  logSent(): Promise<{ end: number }> {
    return Promise.resolve({ end: 0 })
  }

  logSwap(): Promise<void> {
    return Promise.resolve()
  }

  hold(): Promise<void> {
    return Promise.resolve()
  }

  onDetach(listener: () => void): void {
    this.detach = listener
  }

  attach(_client: unknown, fd: number): Promise<{ logOffset: number }> {
    this.attached.push(fd)
    return Promise.resolve({ logOffset: 42 })
  }

  resize(rows: number, columns: number): Promise<void> {
    this.size = [rows, columns]
    return Promise.resolve()
  }

  holdPort(): Promise<void> {
    return Promise.resolve()
  }

  releasePort(): Promise<void> {
    return Promise.resolve()
  }

  close(): void {
    this.closed = true
  }

  /** The process ends; undefined: its shim died. */
  end(exitCode: number | undefined, finishedAtNs = 1_700_000_001_000_000_000n): void {
    this.#exit.resolve(exitCode === undefined ? undefined : { exitCode, signal: 0, finishedAtNs })
  }
}

export class FakeShims implements ShimLauncher {
  readonly launched: FakeShim[] = []
  /** Thrown by the next launch. */
  failure: Error | undefined
  /** What an earlier daemon left, by socket. */
  readonly left: Map<string, FakeShim> = new Map()
  readonly records: Map<string, ExitRecord> = new Map()

  launch(plan: LaunchPlan): Promise<FakeShim> {
    if (this.failure) return Promise.reject(this.failure)
    const shim = new FakeShim(plan)
    this.launched.push(shim)
    return Promise.resolve(shim)
  }

  adopt(o: { socket: string }): Promise<FakeShim | undefined> {
    return Promise.resolve(this.left.get(o.socket))
  }

  readExitRecord(exitFile: string): Promise<ExitRecord | undefined> {
    return Promise.resolve(this.records.get(exitFile))
  }

  get last(): FakeShim {
    return this.launched.at(-1)!
  }
}
