import type { PlanClient, LaunchPlan, ExitRecord, HeldPort } from './plan.ts'

/** Starts shims and finds them again. Implemented in `launcher.ts`. */
export interface ShimLauncher {
  /**
   * Encodes the plan, starts the shim and waits for `started` or `failed`.
   * `fds` are borrowed: duplicated into the shim, still the caller's to close.
   * Throws `LaunchError` (stage, errno) when the shim answers `failed`.
   */
  launch(plan: LaunchPlan, fds: readonly number[]): Promise<ShimProcess>
  /**
   * Reconnects to a shim an earlier daemon left. undefined when nothing answers on the socket:
   * then the exit record (see `readExitRecord`) is the last word.
   */
  adopt(o: { socket: string; exitFile: string }): Promise<ShimProcess | undefined>
  readExitRecord(exitFile: string): Promise<ExitRecord | undefined>
}

/** One live shim. */
export interface ShimProcess {
  /** Pid of the container's init or exec process, in the daemon's pid namespace. */
  readonly pid: number
  readonly shimPid: number
  /**
   * Resolves when the process has ended and its output is in the log. When the shim itself dies
   * first it resolves with undefined: the engine then kills the container through its cgroup.
   */
  readonly exited: Promise<ExitRecord | undefined>
  /** Called at each detach by keys. */
  onDetach(listener: () => void): void
  /**
   * Gives a connected stream socket to the shim, which serves it from then on: raw bytes on a tty,
   * else stdcopy frames; half-close is end of stdin. `logOffset` is where the log ends at the
   * moment from which on the client sees output.
   */
  attach(client: Omit<PlanClient, 'fd'>, fd: number): Promise<{ logOffset: number }>
  /** Called when log files have been rotated: not for each, and not while nobody listened. */
  onRotate(listener: () => void): void
  /**
   * Tells how much of the log has been handed to its server, and what will not be asked for again.
   * Answers where the log ends.
   */
  logSent(o: { sent: number; confirmed: number }): Promise<{ end: number }>
  /**
   * Puts a compressed copy in the place of the rotated json-file with this inode. KernelError ENOENT
   * when it has been rotated away.
   */
  logSwap(o: { inode: bigint; replacement: string }): Promise<void>
  resize(rows: number, columns: number): Promise<void>
  /** Keeps a duplicate of a descriptor open. ENOSYS from a shim that does not know how. */
  hold(fd: number): Promise<void>
  /**
   * Has the shim hold one more host port by its bound socket, which is borrowed; without a socket,
   * a port that it holds already leads elsewhere. KernelError ENOSYS of a shim that an earlier
   * version left.
   */
  holdPort(port: HeldPort, fd?: number): Promise<void>
  /** KernelError ENOENT when it holds none of that name. */
  releasePort(name: string): Promise<void>
  /** Releases the daemon's descriptors; the shim goes on. */
  close(): void
}

/** The shim could not start the process. */
export class LaunchError extends Error {
  readonly stage: string
  readonly errno: number
  constructor(stage: string, errno: number) {
    super(`launch failed at ${stage}: errno ${errno}`)
    this.name = 'LaunchError'
    this.stage = stage
    this.errno = errno
  }
}
