/** What a build has told so far, for displays. */
import type { WireSolveStatus, WireVertex, WireVertexLog } from '@tdocker/api/build-trace.ts'
import { LogTail } from './log-tail.ts'

/** Lines of a failed step that are shown again at its end. */
const MAX_KEPT = 500

export interface Status {
  id: string
  current: number
  total: number
  /** Milliseconds of the daemon's clock. */
  started: number
  timestamp: number
  completed: number | undefined
}

export class Step {
  readonly digest: string
  name = ''
  started: number | undefined
  completed: number | undefined
  cached = false
  error = ''
  readonly statuses = new Map<string, Status>()
  readonly warnings: string[] = []
  /** Whole lines, each with the seconds since the start before it. */
  readonly kept: string[] = []
  readonly tail = new LogTail()
  #open = ''
  #openAt = ''

  constructor(digest: string) {
    this.digest = digest
  }

  get isCanceled(): boolean {
    return this.error.endsWith('context canceled')
  }

  update(vertex: WireVertex): void {
    this.name = vertex.name
    this.started = vertex.started === undefined ? this.started : Date.parse(vertex.started)
    this.completed = vertex.completed === undefined ? undefined : Date.parse(vertex.completed)
    this.cached = vertex.cached ?? false
    this.error = vertex.error ?? ''
  }

  log({ data, timestamp }: WireVertexLog): string {
    const text = Buffer.from(data, 'base64').toString()
    this.tail.push(text)
    const at = secondsText(Date.parse(timestamp) - (this.started ?? 0))
    const lines = (this.#open + text).split('\n')
    this.#open = lines.pop() ?? ''
    this.#openAt = at
    this.kept.push(...lines.map((line) => `${at} ${line}`))
    if (this.kept.length > MAX_KEPT) this.kept.splice(0, this.kept.length - MAX_KEPT)
    return text
  }

  /** The last output, with a last line that has no end. */
  lastLines(count: number): string[] {
    const open = this.#open === '' ? [] : [`${this.#openAt} ${this.#open}`]
    return [...this.kept, ...open].slice(-count)
  }
}

/** What changed with one message. */
export interface Changes {
  steps: ReadonlySet<Step>
  logs: ReadonlyArray<{ step: Step; text: string; timestamp: number }>
  statuses: ReadonlyArray<{ step: Step; status: Status }>
  warnings: ReadonlyArray<{ step: Step; text: string }>
}

export class BuildState {
  /** In the order of their start. */
  readonly begun: Step[] = []
  readonly steps = new Map<string, Step>()
  readonly warnings: string[] = []
  /** The place of the failure. */
  excerpt = ''
  /** Adds to the daemon's clock to give ours; both are milliseconds. */
  clockDifference = 0
  /** When the first step started. */
  started: number | undefined

  apply(told: WireSolveStatus): Changes {
    this.excerpt = told.excerpt ?? this.excerpt
    const steps = new Set((told.vertexes ?? []).map((vertex) => this.#vertex(vertex)))
    const of = (digest: string): Step => this.#step(digest)
    const statuses = (told.statuses ?? []).map((wire) => {
      const step = of(wire.vertex)
      const timestamp = Date.parse(wire.timestamp)
      const status: Status = {
        id: wire.id,
        current: wire.current,
        total: wire.total ?? 0,
        started: wire.started === undefined ? timestamp : Date.parse(wire.started),
        timestamp,
        completed: wire.completed === undefined ? undefined : Date.parse(wire.completed),
      }
      step.statuses.set(wire.id, status)
      return { step, status }
    })
    const logs = (told.logs ?? []).map((log) => {
      const step = of(log.vertex)
      return { step, text: step.log(log), timestamp: Date.parse(log.timestamp) }
    })
    const warnings = (told.warnings ?? []).map((warning) => {
      const step = of(warning.vertex)
      const text = Buffer.from(warning.short, 'base64').toString()
      step.warnings.push(text)
      this.warnings.push(text)
      return { step, text }
    })
    return { steps, logs, statuses, warnings }
  }

  get failed(): Step[] {
    return this.begun.filter(({ error, isCanceled }) => error !== '' && !isCanceled)
  }

  #vertex(vertex: WireVertex): Step {
    const step = this.#step(vertex.digest)
    const isNew = step.started === undefined
    step.update(vertex)
    if (isNew && step.started !== undefined) this.#begin(step, step.started)
    return step
  }

  #begin(step: Step, at: number): void {
    this.begun.push(step)
    if (this.started !== undefined) return
    this.started = at
    this.clockDifference = Date.now() - at
  }

  #step(digest: string): Step {
    const step = this.steps.get(digest) ?? new Step(digest)
    this.steps.set(digest, step)
    return step
  }
}

/** `0.312`, `12.31`, `123.4`. */
export function secondsText(milliseconds: number): string {
  const seconds = Math.max(milliseconds, 0) / 1000
  if (seconds < 10) return seconds.toFixed(3)
  return seconds.toFixed(seconds < 100 ? 2 : 1)
}

const UNITS = ['kB', 'MB', 'GB', 'TB']

/** `31B`, `2.05kB`, `1.20MB / 3.40MB`; empty for nothing. */
export function sizeText({ current, total }: Pick<Status, 'current' | 'total'>): string {
  if (total > 0) return `${bytesText(current)} / ${bytesText(total)}`
  return current > 0 ? bytesText(current) : ''
}

function bytesText(bytes: number): string {
  if (bytes < 1000) return `${bytes}B`
  let value = bytes / 1000
  let unit = 0
  for (; value >= 1000 && unit < UNITS.length - 1; unit++) value /= 1000
  return `${value.toFixed(2)}${UNITS[unit]}`
}
