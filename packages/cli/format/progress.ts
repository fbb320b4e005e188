import { jsonLines } from './lines.ts'
import { humanSize } from './units.ts'

/** One object of a progress stream. */
export interface ProgressMessage {
  readonly id?: string
  readonly status?: string
  readonly stream?: string
  readonly progressDetail?: Progress
  readonly error?: string
  readonly errorDetail?: { readonly code?: number; readonly message?: string }
  readonly aux?: unknown
}

export interface Progress {
  readonly current?: number
  readonly total?: number
  readonly start?: number
  readonly hidecounts?: boolean
  readonly units?: string
}

/** What is written to, and how wide it is; undefined where it is no terminal. */
export interface Screen {
  write(text: string): void
  readonly width: number | undefined
}

/**
 * Shows a progress stream: on a terminal one line per layer, redrawn in place; elsewhere only
 * what is new. Throws the error that ends a failed stream.
 */
export class ProgressDisplay {
  private readonly screen: Screen
  private lines = new Map<string, number>()

  constructor(screen: Screen) {
    this.screen = screen
  }

  show(message: ProgressMessage): void {
    if (message.aux !== undefined) return
    const failure = message.errorDetail?.message ?? message.error
    if (failure !== undefined) throw new Error(failure)
    const { id, progressDetail } = message
    if (this.screen.width === undefined) return this.plain(message)
    if (!id || !progressDetail) {
      // Lines further up belong to something that is over now.
      this.lines = new Map()
      this.write(message)
      return
    }
    const below = this.linesBelow(id)
    if (below > 0) this.screen.write(`\x1b[${below}A`)
    this.write(message)
    if (below > 0) this.screen.write(`\x1b[${below}B`)
  }

  private linesBelow(id: string): number {
    let line = this.lines.get(id)
    if (line === undefined) {
      line = this.lines.size
      this.lines.set(id, line)
      this.screen.write('\n')
    }
    return this.lines.size - line
  }

  private plain(message: ProgressMessage): void {
    const { current = 0, total = 0 } = message.progressDetail ?? {}
    if (current > 0 || total > 0) return
    this.screen.write(
      lead(message) + (message.stream ? message.stream : `${message.status ?? ''}\n`),
    )
  }

  private write(message: ProgressMessage): void {
    const { stream, status = '', progressDetail } = message
    if (stream) return this.screen.write(lead(message) + stream)
    if (!progressDetail) return this.screen.write(`${lead(message)}${status}\n`)
    const bar = progressBar(progressDetail, this.screen.width ?? 200)
    this.screen.write(`\x1b[2K\r${lead(message)}${status} ${bar}\r`)
  }
}

function lead({ id }: ProgressMessage): string {
  return id ? `${id}: ` : ''
}

/** `[====>      ]  1.2MB/3.4MB`; the bar only where the terminal is wide enough. */
export function progressBar(progress: Progress, width: number): string {
  const { current = 0, total = 0, units } = progress
  if (current <= 0 && total <= 0) return ''
  if (total <= 0) return units ? `${current} ${units}` : humanSize(current).padStart(8)
  const half = Math.min(Math.trunc(Math.trunc((current / total) * 100) / 2), 50)
  const bar = width > 110 ? `[${'='.repeat(half)}>${' '.repeat(50 - half)}] ` : ''
  return (
    bar +
    (progress.hidecounts ? '' : counts(current, total, units)) +
    timeLeft(progress, width, half)
  )
}

function counts(current: number, total: number, units: string | undefined): string {
  if (units) return current > total ? `${current} ${units}` : `${current}/${total} ${units}`
  const done = humanSize(current).padStart(8)
  return current > total ? done : `${done}/${humanSize(total)}`
}

function timeLeft(
  { current = 0, total = 0, start = 0 }: Progress,
  width: number,
  half: number,
): string {
  if (width <= 50 || current <= 0 || start <= 0 || half >= 50) return ''
  const perUnit = (Date.now() / 1000 - start) / current
  const seconds = Math.round((total - current) * perUnit)
  const [hours, minutes] = [Math.trunc(seconds / 3600), Math.trunc(seconds / 60) % 60]
  const text = `${hours > 0 ? `${hours}h` : ''}${hours > 0 || minutes > 0 ? `${minutes}m` : ''}${seconds % 60}s`
  return ` ${text}`
}

/** Shows a whole response; `quiet` still throws its error. */
export async function showProgress(
  response: AsyncIterable<Buffer>,
  out: NodeJS.WriteStream,
  quiet: boolean,
): Promise<void> {
  const display = new ProgressDisplay({
    write: (text) => void (quiet ? undefined : out.write(text)),
    width: out.isTTY ? (out.columns ?? 200) : undefined,
  })
  for await (const line of jsonLines(response)) display.show(JSON.parse(line) as ProgressMessage)
}
