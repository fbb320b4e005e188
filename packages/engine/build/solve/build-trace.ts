/** Tells what happens in a build to whoever listens: displays, the history. */
import { createHash } from 'node:crypto'
import type { JSONMessage } from '@tdocker/api/jsonmessage.ts'
import { cancelled, isKind } from '../../base/errors.ts'
import { type Source, excerpt } from '../dockerfile/excerpt.ts'
import type { Lines } from '../dockerfile/instruction.ts'
import { CommandFailed } from '../exec/run-step.ts'
import type { SolveStatus, TraceListener, Vertex, VertexStatus, VertexWarning } from './trace.ts'

/** Bytes of a step's output that are told (BuildKit's defaultMaxLogSize); the classic stream has all. */
const MAX_LOG = 2 * 1024 * 1024
/** Milliseconds between two words about one thing that grows. */
const PACE = 100

export class BuildTrace {
  /** The Dockerfile, once it is known. */
  source: Source | undefined
  readonly #listeners = new Set<TraceListener>()
  #hasFailed = false

  /** What was told before is not told again. */
  listen(listener: TraceListener): void {
    this.#listeners.add(listener)
  }

  tell(status: SolveStatus): void {
    for (const listener of this.#listeners) listener(status)
  }

  /** Only the first place is told: others fail because of it. Answers what is told. */
  failedAt(lines: Lines | undefined): string {
    if (this.#hasFailed || !this.source) return ''
    this.#hasFailed = true
    const where = excerpt(this.source, lines)
    this.tell({ excerpt: where })
    return where
  }

  /** `place`: unique in this build. Not told before it starts; `announce` does. */
  step(place: string, name: string, inputs: readonly string[] = []): TracedStep {
    const digest = `sha256:${createHash('sha256').update(place).digest('hex')}`
    return new TracedStep((status) => this.tell(status), { digest, inputs, name })
  }
}

/** One vertex. */
export class TracedStep {
  readonly #tell: (status: SolveStatus) => void
  #vertex: Vertex
  #logged = 0

  constructor(tell: (status: SolveStatus) => void, vertex: Vertex) {
    this.#tell = tell
    this.#vertex = vertex
  }

  get digest(): string {
    return this.#vertex.digest
  }

  get isStarted(): boolean {
    return this.#vertex.started !== undefined
  }

  /** Says that it will come. */
  announce(): void {
    this.#change({})
  }

  rename(name: string): void {
    if (name !== this.#vertex.name) this.#change({ name })
  }

  start(): void {
    this.#change({ started: now() })
  }

  cached(): void {
    this.#change({ cached: true })
  }

  end(): void {
    this.#change({ completed: now() })
  }

  fail(error: unknown): void {
    this.#change({ completed: now(), error: traceError(error) })
  }

  /** From the start to the end of `work`; one that ends after `signal` failed because of it. */
  async run<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    this.start()
    try {
      const result = await work()
      this.end()
      return result
    } catch (error) {
      this.fail(signal?.aborted ? cancelled('context canceled') : error)
      throw error
    }
  }

  log(data: string, isError: boolean): void {
    if (this.#logged > MAX_LOG) return
    this.#logged += data.length
    const told = this.#logged > MAX_LOG ? '[output clipped, log limit 2MiB reached]\n' : data
    const stream = isError ? 2 : 1
    this.#tell({ logs: [{ vertex: this.digest, stream, data: told, timestamp: now() }] })
  }

  warn(warning: Omit<VertexWarning, 'vertex'>): void {
    this.#tell({ warnings: [{ vertex: this.digest, ...warning }] })
  }

  /** Something that grows; `id` as displays show it: `transferring context:`. */
  status(id: string): TracedStatus {
    return new TracedStatus(this.#tell, this.digest, id)
  }

  /** Lines of a pull become statuses by layer. */
  pulled(): (message: JSONMessage) => void {
    const statuses = new Map<string, TracedStatus>()
    const of = (id: string): TracedStatus => {
      const known = statuses.get(id) ?? this.status(id)
      statuses.set(id, known)
      return known
    }
    return ({ id, status, progressDetail }) => {
      if (id === undefined) return
      const { current = 0, total = 0 } = progressDetail ?? {}
      if (status === 'Downloading') of(id).update(current, total)
      else if (status === 'Download complete' || status === 'Already exists') of(id).done()
      else if (status === 'Extracting') of(`extracting ${id}`).update(current, total)
      else if (status === 'Pull complete') of(`extracting ${id}`).done()
    }
  }

  #change(change: Partial<Vertex>): void {
    this.#vertex = { ...this.#vertex, ...change }
    this.#tell({ vertexes: [this.#vertex] })
  }
}

/** A step that no display shows. */
export function silentStep(): TracedStep {
  return new TracedStep(() => {}, { digest: '', inputs: [], name: '' })
}

export class TracedStatus {
  readonly #tell: (status: SolveStatus) => void
  #status: VertexStatus
  #told = 0

  constructor(tell: (status: SolveStatus) => void, vertex: string, id: string) {
    this.#tell = tell
    this.#status = { id, vertex, name: id, total: 0, current: 0, timestamp: '', started: now() }
  }

  /** Bytes. */
  update(current: number, total = 0): void {
    this.#status = { ...this.#status, current, total }
    if (performance.now() - this.#told >= PACE || this.#told === 0) this.#say()
  }

  done(): void {
    if (this.#status.completed !== undefined) return
    this.#status = { ...this.#status, completed: now() }
    this.#say()
  }

  #say(): void {
    this.#told = performance.now()
    this.#status = { ...this.#status, timestamp: now() }
    this.#tell({ statuses: [this.#status] })
  }
}

function now(): string {
  return new Date().toISOString()
}

/** As BuildKit words it; one that ends in `context canceled` failed because of another. */
export function traceError(error: unknown): string {
  if (error instanceof CommandFailed)
    return `process ${JSON.stringify(error.command.join(' '))} did not complete successfully: exit code: ${error.exitCode}`
  if (isKind(error, 'cancelled') || (error as Error).name === 'AbortError')
    return 'context canceled'
  return error instanceof Error ? error.message : String(error)
}
