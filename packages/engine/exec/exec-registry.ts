import type { ShimProcess } from '@tdocker/kernel/shim/shim.ts'
import type { Container } from '../container/container.ts'
import { noSuchExec } from '../container/messages.ts'

/** One exec: a further process in a running container. */
export interface Exec {
  readonly id: string
  readonly container: Container
  readonly spec: ExecSpec
  state: 'created' | 'running' | 'exited'
  pid: number
  exitCode: number | undefined
  shim: ShimProcess | undefined
  /** Settles when the process is started, or has failed to; resize waits for it. */
  readonly started: PromiseWithResolvers<void>
  canRemove: boolean
  /** Of a health check: not stored, and forgotten at its end. */
  probe: boolean
}

/** As stored: what was asked for, after the container's defaults. */
export interface ExecSpec {
  cmd: string[]
  env: string[]
  tty: boolean
  openStdin: boolean
  openStdout: boolean
  openStderr: boolean
  privileged: boolean
  user: string
  workingDir: string
  detachKeys: number[]
  consoleSize?: readonly [number, number]
}

/** Execs by id. They stay for some minutes after their end, so that clients can read the code. */
export class ExecRegistry {
  readonly #byId = new Map<string, Exec>()

  add(exec: Exec): void {
    this.#byId.set(exec.id, exec)
    exec.container.execs.add(exec.id)
  }

  /** Throws notFound. */
  get(id: string): Exec {
    const exec = this.#byId.get(id)
    if (!exec) throw noSuchExec(id)
    return exec
  }

  find(id: string): Exec | undefined {
    return this.#byId.get(id)
  }

  delete(exec: Exec): void {
    this.#byId.delete(exec.id)
    exec.container.execs.delete(exec.id)
  }

  forgetContainer(containerId: string): void {
    for (const exec of this.#byId.values()) if (exec.container.id === containerId) this.delete(exec)
  }

  all(): Iterable<Exec> {
    return this.#byId.values()
  }
}
