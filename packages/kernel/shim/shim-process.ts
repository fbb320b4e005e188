import type { Native } from '../native.ts'
import { clientFields, portFields } from './encode.ts'
import { LineBuffer, parseNotice } from './notice.ts'
import type { ExitRecord, HeldPort, PlanClient, ShimNotice } from './plan.ts'
import { requestShim } from './request.ts'
import type { ShimProcess } from './shim.ts'

const READ_MAX = 8192

/** Reads a shim's notify pipe, from the first line to the end of the file. Owns the descriptor. */
export class NoticeReader {
  readonly #native: Native
  readonly #fd: number
  readonly #lines = new LineBuffer()
  readonly #ready: ShimNotice[] = []
  #watch: ReturnType<Native['waitReadable']> | undefined
  #closed = false

  constructor(native: Native, fd: number) {
    this.#native = native
    this.#fd = fd
  }

  /** undefined at the end: the shim is gone, or `close` was called. */
  async next(): Promise<ShimNotice | undefined> {
    while (!this.#closed) {
      const notice = this.#ready.shift()
      if (notice !== undefined) return notice
      const chunk = this.#native.readFd(this.#fd, READ_MAX)
      if (chunk === undefined) await this.#wait()
      else if (chunk.length === 0) this.close()
      else this.#take(chunk)
    }
    return undefined
  }

  #take(chunk: Uint8Array): void {
    const notices = this.#lines.push(chunk).map(parseNotice)
    this.#ready.push(...notices.filter((notice) => notice !== undefined))
  }

  async #wait(): Promise<void> {
    this.#watch = this.#native.waitReadable(this.#fd)
    await this.#watch.readable
    this.#watch = undefined
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#watch?.cancel()
    this.#native.closeFd(this.#fd)
  }
}

export interface LiveShimOptions {
  native: Native
  pid: number
  shimPid: number
  socket: string
  notices: NoticeReader
  /** Clients that have detached already. */
  detached?: number
  /** Read again when the pipe ends without an exit: the shim may have had no time to say it. */
  readExitRecord: () => Promise<ExitRecord | undefined>
}

/** A shim that answered `started`, or that an earlier daemon left. */
export class LiveShim implements ShimProcess {
  readonly pid: number
  readonly shimPid: number
  readonly exited: Promise<ExitRecord | undefined>
  readonly #o: LiveShimOptions
  readonly #detachListeners: Array<() => void> = []
  /** What came before anybody listened. */
  #untoldDetaches: number
  readonly #rotateListeners: Array<() => void> = []
  #closed = false

  constructor(o: LiveShimOptions) {
    this.#o = o
    this.#untoldDetaches = o.detached ?? 0
    this.pid = o.pid
    this.shimPid = o.shimPid
    this.exited = this.#follow()
  }

  async #follow(): Promise<ExitRecord | undefined> {
    for (;;) {
      const notice = await this.#o.notices.next()
      if (notice?.kind === 'exited') {
        this.#o.notices.close()
        return notice.exit
      }
      if (notice?.kind === 'detached') this.#tellDetach()
      if (notice?.kind === 'rotated') for (const listener of this.#rotateListeners) listener()
      if (notice !== undefined) continue
      // A closed process says nothing more: whoever closed it does not wait for its exit.
      return this.#closed ? new Promise(() => {}) : this.#lastWord()
    }
  }

  /** A record that cannot be read says as little as none. */
  async #lastWord(): Promise<ExitRecord | undefined> {
    try {
      return await this.#o.readExitRecord()
    } catch {
      return undefined
    }
  }

  #tellDetach(): void {
    if (this.#detachListeners.length === 0) this.#untoldDetaches++
    for (const listener of this.#detachListeners) listener()
  }

  onDetach(listener: () => void): void {
    this.#detachListeners.push(listener)
    for (; this.#untoldDetaches > 0; this.#untoldDetaches--) listener()
  }

  onRotate(listener: () => void): void {
    this.#rotateListeners.push(listener)
  }

  async logSent(o: { sent: number; confirmed: number }): Promise<{ end: number }> {
    const [end = '0'] = await this.#request(['log-sent', String(o.sent), String(o.confirmed)])
    return { end: Number(end) }
  }

  async logSwap(o: { inode: bigint; replacement: string }): Promise<void> {
    await this.#request(['log-swap', String(o.inode), o.replacement])
  }

  async attach(client: Omit<PlanClient, 'fd'>, fd: number): Promise<{ logOffset: number }> {
    const fields = ['attach', ...clientFields(client)]
    const [offset = '0'] = await this.#request(fields, { fds: [fd], tail: client.head })
    return { logOffset: Number(offset) }
  }

  async resize(rows: number, columns: number): Promise<void> {
    await this.#request(['resize', String(rows), String(columns)])
  }

  async hold(fd: number): Promise<void> {
    await this.#request(['hold'], { fds: [fd] })
  }

  async holdPort(port: HeldPort, fd?: number): Promise<void> {
    await this.#request(['port', ...portFields(port)], fd === undefined ? {} : { fds: [fd] })
  }

  async releasePort(name: string): Promise<void> {
    await this.#request(['port-release', name])
  }

  close(): void {
    this.#closed = true
    this.#o.notices.close()
  }

  #request(
    fields: readonly string[],
    o: { fds?: readonly number[]; tail?: Uint8Array } = {},
  ): Promise<string[]> {
    return requestShim(this.#o.native, this.#o.socket, fields, o)
  }
}
