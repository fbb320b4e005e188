import { setTimeout as delay } from 'node:timers/promises'
import type { PlanLog } from '@tdocker/kernel/shim/plan.ts'
import type { ShimProcess } from '@tdocker/kernel/shim/shim.ts'
import { system } from '../base/errors.ts'
import type { KeyedLock } from '../base/keyed-lock.ts'
import { sql, type Store } from '../store/store.ts'
import { Compressor, swapNumbered } from './compressor.ts'
import { fileAttributes, type LogInfo } from './driver/log-info.ts'
import { REMOTE_DRIVERS } from './driver/options.ts'
import { bufferLimit, jsonFileRotation, localRotation, type Rotation } from './driver/rotation.ts'
import { goBoolean } from '../base/size.ts'
import type { DatagramNative } from './forward/datagram-sender.ts'
import { Forwarder } from './forward/forwarder.ts'
import { LogCursor } from './forward/log-cursor.ts'
import { makeSender } from './forward/make-sender.ts'
import type { LogSender } from './forward/sender.ts'
import { type LogFiles, listLogFilesSync, makeLogDirectory } from './log-files.ts'
import { LogReaders } from './log-readers.ts'

/** What the log room knows of a container. */
export interface LoggedContainer {
  driver: string
  info: LogInfo
  /** undefined for `none`. */
  files: LogFiles | undefined
}

export type LogShim = Pick<ShimProcess, 'exited' | 'onRotate' | 'logSent' | 'logSwap'>

export interface LogServiceOptions {
  native: DatagramNative
  store: Pick<Store, 'get' | 'write'>
  locks: KeyedLock
  /** The journal's native socket. */
  journalSocket: string
  warn(fields: object, message: string): void
}

/** What a container may have unsent in blocking mode, whether the daemon or the server is away. */
export const BACKLOG_LIMIT: number = 32 * 1024 * 1024

/** A spool that is no cache: just enough to go from one file to the next. */
const SPOOL: Rotation = { maxSize: 1024 * 1024, maxFile: 1, compress: false }
/** With smaller files than this a full backlog would be thousands of them. */
const MIN_SEGMENT = 64 * 1024
/** As long as moby waits for a driver when a container goes. */
const DRAIN_MS = 10_000
const DRAIN_UNREACHED_MS = 1000

interface Forwarding {
  forwarder: Forwarder
  shim: LogShim | undefined
}

/** Writes, compresses and forwards containers' logs, as far as that is the daemon's part. */
export class LogService {
  /** For those who read logs. */
  readonly readers: LogReaders = new LogReaders()
  readonly #o: LogServiceOptions
  readonly #compressor: Compressor
  readonly #forwarding = new Map<string, Forwarding>()
  /** Connected for a start that is under way. */
  readonly #prepared = new Map<string, LogSender>()
  #closing = false

  constructor(o: LogServiceOptions) {
    this.#o = o
    this.#compressor = new Compressor((fields, message) => o.warn(fields, message))
  }

  /**
   * Before a start: reads the options, reaches the server, and says what the shim is to write.
   * Throws as moby's start does.
   */
  async prepare(c: LoggedContainer): Promise<PlanLog> {
    try {
      return await this.#prepare(c)
    } catch (error) {
      throw system(
        `failed to create task for container: failed to initialize logging driver: ${(error as Error).message}`,
        error,
      )
    }
  }

  /** The start that was prepared did not come. */
  abandon(id: string): void {
    this.#prepared.get(id)?.close()
    this.#prepared.delete(id)
  }

  /** A shim writes this log, since now or since an earlier daemon. */
  follow(c: LoggedContainer, shim: LogShim): void {
    const { files } = c
    if (!files) return
    if (compresses(c)) {
      const request = (): void => this.#compress(c, files, shim)
      shim.onRotate(request)
      request()
      void shim.exited.then(request, request)
    }
    if (REMOTE_DRIVERS.has(c.driver)) this.#background(c, this.#forward(c, files, shim))
  }

  /** Nothing writes this log, but an earlier daemon may have left lines to be sent. */
  async resume(c: LoggedContainer): Promise<void> {
    const { files } = c
    if (!files || !REMOTE_DRIVERS.has(c.driver)) return
    await using cursor = new LogCursor(files, this.#confirmed(c.info.id))
    if ((await cursor.end()) > cursor.position)
      this.#background(c, this.#forward(c, files, undefined))
  }

  /** Before the files go: gives the server a last chance to take what is left. */
  async release({ info: { id }, files }: LoggedContainer): Promise<void> {
    this.abandon(id)
    if (files) await this.#compressor.forget(files)
    const forwarding = this.#forwarding.get(id)
    if (!forwarding) return
    const { forwarder } = forwarding
    const begin = Date.now()
    let finished = false
    void forwarder.finished.then(() => (finished = true))
    while (!finished && !this.#closing && Date.now() - begin < DRAIN_MS) {
      await Promise.race([forwarder.finished, delay(50)])
      if (!forwarder.isConnected && Date.now() - begin > DRAIN_UNREACHED_MS) break
    }
    if (!finished) this.#o.warn({ container: id }, 'log not sent to its end')
    await forwarder.close()
  }

  async close(): Promise<void> {
    this.#closing = true
    for (const id of this.#prepared.keys()) this.abandon(id)
    await Promise.all([
      this.#compressor.close(),
      ...[...this.#forwarding.values()].map(({ forwarder }) => forwarder.close()),
    ])
  }

  async #prepare(c: LoggedContainer): Promise<PlanLog> {
    const { files, info } = c
    if (!files) return { driver: 'none' }
    const attrs = fileAttributes(info)
    const { maxSize, maxFile } = rotationOf(c)
    if (files.naming === 'numbered')
      return { driver: 'json-file', path: files.path, maxSize, maxFile, attrs }
    await makeLogDirectory(files)
    const start = listLogFilesSync(files).at(-1)?.start ?? 0
    const plan = { driver: 'segments', path: files.path, maxSize, maxFile, attrs, start } as const
    if (!REMOTE_DRIVERS.has(c.driver)) return plan
    const sender = await makeSender(c.driver, info, this.#o)
    await sender.open()
    this.abandon(info.id)
    this.#prepared.set(info.id, sender)
    if (bufferLimit(info.config) !== undefined) return plan
    const sent = this.#forwarding.get(info.id)?.forwarder.confirmed ?? this.#confirmed(info.id)
    return { ...plan, backlog: { limit: BACKLOG_LIMIT, sent } }
  }

  async #forward(c: LoggedContainer, files: LogFiles, shim: LogShim | undefined): Promise<void> {
    const { id } = c.info
    for (;;) {
      const known = this.#forwarding.get(id)
      const forwarding = known ?? (await this.#begin(c, files))
      const ended = shim ? forwarding.forwarder.addWriter() : (): void => {}
      if (ended) {
        forwarding.shim = shim ?? forwarding.shim
        shim?.exited.then(ended, ended)
        if (known) this.abandon(id)
        return
      }
      // It came to its end at this very moment.
      await forwarding.forwarder.finished
    }
  }

  async #begin(c: LoggedContainer, files: LogFiles): Promise<Forwarding> {
    const { id, config } = c.info
    const opened = this.#prepared.get(id)
    this.#prepared.delete(id)
    const sender = opened ?? (await makeSender(c.driver, c.info, this.#o))
    const forwarding: Forwarding = {
      shim: undefined,
      forwarder: new Forwarder({
        files,
        sender,
        isOpen: opened !== undefined,
        confirmed: this.#confirmed(id),
        bufferLimit: bufferLimit(config),
        // A shim that is gone asks for nothing.
        report: async (place) => void (await forwarding.shim?.logSent(place).catch(() => {})),
        save: (confirmed) => this.#save(id, confirmed),
        warn: (fields, message) => this.#o.warn({ container: id, ...fields }, message),
      }),
    }
    this.#forwarding.set(id, forwarding)
    void forwarding.forwarder.finished.then(() => {
      if (this.#forwarding.get(id) === forwarding) this.#forwarding.delete(id)
    })
    return forwarding
  }

  #confirmed(id: string): number {
    return (
      this.#o.store.get<{ confirmed: number }>(
        'SELECT confirmed FROM log_cursor WHERE container_id = ?',
        id,
      )?.confirmed ?? 0
    )
  }

  async #save(id: string, confirmed: number): Promise<void> {
    try {
      await this.#o.store.write([
        sql`INSERT INTO log_cursor(container_id, confirmed) VALUES (${id}, ${confirmed})
            ON CONFLICT (container_id) DO UPDATE SET confirmed = excluded.confirmed`,
      ])
    } catch (err) {
      this.#o.warn({ container: id, err }, 'place in log not recorded')
    }
  }

  #compress(c: LoggedContainer, files: LogFiles, shim: LogShim): void {
    const { id } = c.info
    const remote = REMOTE_DRIVERS.has(c.driver) && bufferLimit(c.info.config) === undefined
    let running = true
    const over = (): void => void (running = false)
    void shim.exited.then(over, over)
    this.#compressor.request({
      files,
      readers: this.readers,
      ...(remote && { upTo: () => this.#forwarding.get(id)?.forwarder.confirmed ?? 0 }),
      swap: (o) => (running ? shim.logSwap(o) : this.#swapUnderLock(id, files, o)),
    })
  }

  /** The next start, whose shim would rename files, waits for the lock. */
  #swapUnderLock(
    id: string,
    files: LogFiles,
    o: { inode: bigint; replacement: string },
  ): Promise<void> {
    return this.#o.locks.run(id, () => swapNumbered(files, o))
  }

  #background(c: LoggedContainer, work: Promise<void>): void {
    work.catch((err: unknown) => this.#o.warn({ container: c.info.id, err }, 'log not forwarded'))
  }
}

/** Throws a plain Error for options that make no sense. */
function rotationOf({ driver, info: { config } }: LoggedContainer): Rotation {
  if (driver === 'json-file') return jsonFileRotation(config)
  if (driver === 'local') return localRotation(config)
  if (!hasCache(config)) return SPOOL
  const { maxSize, ...rest } = localRotation(config, 'cache-')
  return { maxSize: maxSize === -1 ? -1 : Math.max(maxSize, MIN_SEGMENT), ...rest }
}

function compresses(c: LoggedContainer): boolean {
  try {
    return rotationOf(c).compress
  } catch {
    return false
  }
}

/** Whether `docker logs` may read the spool of a driver that cannot be read itself. */
export function hasCache(config: LogInfo['config']): boolean {
  const disabled = config['cache-disabled']
  if (!disabled) return true
  try {
    return !goBoolean(disabled)
  } catch {
    return false
  }
}
