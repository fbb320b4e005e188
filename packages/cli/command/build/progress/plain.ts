/**
 * Progress as lines, for logs and pipes (BuildKit: util/progress/progressui/printer.go): each line
 * begins with its step's number, and steps that run side by side take turns.
 */
import {
  type BuildState,
  type Changes,
  type Status,
  type Step,
  secondsText,
  sizeText,
} from './state.ts'

/** Milliseconds that a running step keeps the floor while others have something to say. */
const TURN = 5000
/** Between two words about one thing that grows. */
const STATUS_PACE = 5000
const STATUS_SHARE = 0.05

interface Entry {
  readonly number: number
  /** What is to be printed; the last one may have no end. */
  pending: string
  /** Its output stands at the beginning of a line. */
  isLineStart: boolean
  isDone: boolean
  /** Its name has been printed. */
  isShown: boolean
}

export class PlainPrinter {
  readonly #write: (text: string) => void
  readonly #entries = new Map<Step, Entry>()
  readonly #told = new Map<string, { current: number; timestamp: number }>()
  #current: Step | undefined
  #since = 0
  #isFirst = true

  constructor(write: (text: string) => void) {
    this.#write = write
  }

  /** Notes what is to be printed at the next `flush`. */
  update({ steps, logs, statuses, warnings }: Changes): void {
    for (const { step, status } of statuses) this.#status(step, status)
    for (const { step, text } of warnings) this.#line(step, `WARN: ${text}`)
    for (const { step, text, timestamp } of logs) this.#log(step, text, timestamp)
    for (const step of steps) if (step.started !== undefined) this.#vertex(step)
  }

  /** Steps that ended come first, then the one that has the floor. */
  flush(now: number): void {
    const waiting = [...this.#entries].filter(([, entry]) => waits(entry))
    if (waiting.length === 0) return
    const ended = waiting.filter(([step]) => step.completed !== undefined)
    ended.sort(([a], [b]) => Number(b === this.#current) - Number(a === this.#current))
    for (const [step, entry] of ended) this.#print(step, entry, now)
    const running = waiting.filter(([step]) => step.completed === undefined)
    const isOver = now - this.#since > TURN
    const next =
      running.find(([step]) => step === this.#current && !(isOver && running.length > 1)) ??
      (this.#current === undefined || isOver
        ? running.find(([step]) => step !== this.#current)
        : undefined)
    if (next) this.#print(next[0], next[1], now)
  }

  /** What failed once more, with its last output. */
  finish(state: BuildState, now: number): void {
    while ([...this.#entries.values()].some(waits)) {
      this.#since = 0
      this.flush(now)
    }
    this.#write(failureText(state, 10))
  }

  #entry(step: Step): Entry {
    const entry = this.#entries.get(step) ?? {
      number: this.#entries.size + 1,
      pending: '',
      isLineStart: true,
      isDone: false,
      isShown: false,
    }
    this.#entries.set(step, entry)
    return entry
  }

  #line(step: Step, text: string): void {
    const entry = this.#entry(step)
    const end = entry.isLineStart ? '' : '\n'
    entry.pending += `${end}#${entry.number} ${text}\n`
    entry.isLineStart = true
  }

  #log(step: Step, text: string, timestamp: number): void {
    const entry = this.#entry(step)
    const at = secondsText(timestamp - (step.started ?? timestamp))
    for (const line of text.split(/(?<=\n)/)) {
      entry.pending += entry.isLineStart ? `#${entry.number} ${at} ${line}` : line
      entry.isLineStart = line.endsWith('\n')
    }
  }

  #status(step: Step, status: Status): void {
    const key = `${step.digest} ${status.id}`
    const last = this.#told.get(key)
    const { current, timestamp, completed, started } = status
    const grown = status.total > 0 ? (current - (last?.current ?? 0)) / status.total : 0
    const isDue = !last || grown >= STATUS_SHARE || timestamp - last.timestamp >= STATUS_PACE
    if (completed === undefined && !isDue) return
    this.#told.set(key, { current, timestamp })
    const took = ((completed ?? timestamp) - started) / 1000
    const words = [status.id, sizeText(status)]
    if (took > 0.01) words.push(`${took.toFixed(1)}s`)
    if (completed !== undefined) words.push('done')
    this.#line(step, words.filter(Boolean).join(' '))
  }

  #vertex(step: Step): void {
    const entry = this.#entry(step)
    if (step.completed === undefined || entry.isDone) return
    entry.isDone = true
    this.#line(step, ending(step, step.completed))
  }

  /** Another step has the floor. */
  #leave(): void {
    const old = this.#current && this.#entries.get(this.#current)
    if (!old) return
    this.#write(`${old.pending}${old.isLineStart ? '' : '\n'}#${old.number} ...\n`)
    old.pending = ''
    old.isLineStart = true
  }

  #print(step: Step, entry: Entry, now: number): void {
    if (step !== this.#current) {
      this.#leave()
      this.#write(`${this.#isFirst ? '' : '\n'}#${entry.number} ${step.name}\n`)
      this.#isFirst = false
      this.#since = now
    }
    this.#write(entry.pending)
    entry.pending = ''
    entry.isShown = true
    this.#current = step.completed === undefined ? step : undefined
  }
}

function waits({ pending, isShown }: Entry): boolean {
  return pending !== '' || !isShown
}

function ending(step: Step, completed: number): string {
  if (step.isCanceled) return 'CANCELED'
  if (step.error !== '') return `ERROR: ${step.error}`
  if (step.cached) return 'CACHED'
  return `DONE ${((completed - (step.started ?? completed)) / 1000).toFixed(1)}s`
}

/** The output of steps that failed, at most so many lines of each. */
export function failureText(state: BuildState, lines: number): string {
  return state.failed
    .map((step) => {
      const output = step.lastLines(lines).map((line) => `${line}\n`)
      return `------\n > ${step.name}:\n${output.join('')}------\n`
    })
    .join('')
}
