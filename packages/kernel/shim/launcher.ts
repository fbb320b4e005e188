import { readFile } from 'node:fs/promises'
import { KernelError } from '../native.ts'
import type { Native } from '../native.ts'
import { encodePlan } from './encode.ts'
import { parseExitRecord } from './notice.ts'
import type { ExitRecord, LaunchPlan } from './plan.ts'
import { requestShim } from './request.ts'
import { LiveShim, NoticeReader } from './shim-process.ts'
import { LaunchError } from './shim.ts'
import type { ShimLauncher, ShimProcess } from './shim.ts'

/** ECHILD: the shim ended without a word. */
const NO_ANSWER = 10

/** No shim is there, or it is past answering: its exit record is the last word. */
const GONE: ReadonlySet<string> = new Set(['ENOENT', 'ECONNREFUSED', 'ECONNRESET', 'EPIPE'])

/** Starts `shimPath`, the tdocker-shim executable, once for each plan. */
export class NativeShimLauncher implements ShimLauncher {
  readonly #native: Native
  readonly #shimPath: string

  constructor(o: { native: Native; shimPath: string }) {
    this.#native = o.native
    this.#shimPath = o.shimPath
  }

  async launch(plan: LaunchPlan, fds: readonly number[]): Promise<ShimProcess> {
    const native = this.#native
    const shim = await native.launchShim({
      path: this.#shimPath,
      name: plan.name,
      plan: encodePlan(plan),
      fds,
    })
    // The notify pipe ends with the shim: its pidfd says nothing that the pipe does not.
    native.closeFd(shim.pidfd)
    const notices = new NoticeReader(native, shim.notifyFd)
    let answer = await notices.next()
    let detached = 0
    // A client may have typed its keys before there was a process to type to.
    for (; answer?.kind === 'detached'; answer = await notices.next()) detached++
    if (answer?.kind === 'started')
      return this.#live(plan.shim, { pid: answer.pid, shimPid: shim.pid, notices, detached })
    notices.close()
    if (answer?.kind === 'failed') throw new LaunchError(answer.stage, answer.errno)
    throw new LaunchError('shim', NO_ANSWER)
  }

  async adopt(o: { socket: string; exitFile: string }): Promise<ShimProcess | undefined> {
    const [readEnd, writeEnd] = this.#native.pipe()
    const notices = new NoticeReader(this.#native, readEnd)
    try {
      const fields = await requestShim(this.#native, o.socket, ['notify'], { fds: [writeEnd] })
      const [pid, shimPid] = fields.map(Number)
      return this.#live(o, { pid: pid ?? 0, shimPid: shimPid ?? 0, notices })
    } catch (error) {
      notices.close()
      if (error instanceof KernelError && GONE.has(error.code)) return undefined
      throw error
    } finally {
      this.#native.closeFd(writeEnd)
    }
  }

  async readExitRecord(exitFile: string): Promise<ExitRecord | undefined> {
    try {
      return parseExitRecord(await readFile(exitFile, 'utf8'))
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
      throw error
    }
  }

  #live(
    files: { socket: string; exitFile: string },
    o: { pid: number; shimPid: number; notices: NoticeReader; detached?: number },
  ): LiveShim {
    return new LiveShim({
      ...o,
      native: this.#native,
      socket: files.socket,
      readExitRecord: () => this.readExitRecord(files.exitFile),
    })
  }
}
