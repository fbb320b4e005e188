/** What the terminal shows at one moment: a head line, and a line for each step and what it loads. */
import { cellsOf, clipCells, printable } from '../../../format/cells.ts'
import { type BuildState, type Step, sizeText } from './state.ts'

export interface FrameSize {
  width: number
  /** Rows; undefined at the end, when all is shown. */
  height: number | undefined
}

/** A line with its colour; `cells` without it. */
export interface FrameLine {
  text: string
  cells: number
}

interface Row {
  /** Without the mark before it. */
  name: string
  size: string
  /** Milliseconds. */
  took: number
  isRunning: boolean
  colour: Colour | undefined
  /** Output that is shown below while there is room. */
  tail: readonly string[]
}

export type Colour = 'run' | 'error' | 'cancel' | 'faint'
const CODES: Record<Colour, string> = { run: '34', error: '31', cancel: '33', faint: '2' }

/** Steps whose rows are more than fit: below this many rows no output is shown. */
const TAIL_NEEDS = 4

export function frameOf(
  state: BuildState,
  size: FrameSize,
  o: { now: number; colours: boolean },
): FrameLine[] {
  const width = Math.max(size.width, 20)
  const isEnd = size.height === undefined
  const rows = state.begun.flatMap((step) => rowsOf(state, step, o.now, isEnd))
  const room = size.height === undefined ? Infinity : Math.max(size.height - 2, 1)
  const shown = fitting(rows, room)
  let free = room - shown.length
  const lines = [headLine(state, { ...o, width, isEnd })]
  for (const row of shown) {
    lines.push(rowLine(row, width, o.colours))
    const tail = row.tail.slice(-Math.max(0, Math.min(free, row.tail.length)))
    if (tail.length === 0 || free < Math.min(TAIL_NEEDS, row.tail.length)) continue
    free -= tail.length
    lines.push(...tail.map((line) => tailLine(line, width, o.colours)))
  }
  return lines
}

function headLine(
  state: BuildState,
  o: { now: number; width: number; isEnd: boolean; colours: boolean },
): FrameLine {
  const all = [...state.steps.values()]
  const done = all.filter(({ completed }) => completed !== undefined).length
  const begun = state.started === undefined ? o.now : state.started + state.clockDifference
  const seconds = Math.max(o.now - begun, 0) / 1000
  const end = o.isEnd && done === all.length && done > 0 ? ' FINISHED' : ''
  const text = `[+] Building ${seconds.toFixed(1)}s (${done}/${all.length})${end}`
  return { text: clipCells(text, o.width - 1), cells: Math.min(text.length, o.width - 1) }
}

function rowsOf(state: BuildState, step: Step, now: number, isEnd: boolean): Row[] {
  const isRunning = step.completed === undefined && !isEnd
  const daemonNow = now - state.clockDifference
  const took = (started: number, completed: number | undefined): number =>
    (completed ?? step.completed ?? daemonNow) - started
  const own: Row = {
    name: `${mark(step)}${printable(step.name)}`,
    size: '',
    took: took(step.started ?? daemonNow, step.completed),
    isRunning,
    colour: isRunning ? undefined : colourOf(step),
    tail: isRunning ? step.tail.lines : [],
  }
  const statuses = [...step.statuses.values()].map((status): Row => ({
    name: `=> ${printable(status.id)}`,
    size: sizeText(status),
    took: took(status.started, status.completed),
    isRunning: isRunning && status.completed === undefined,
    colour: isRunning && status.completed === undefined ? undefined : 'run',
    tail: [],
  }))
  const warnings = step.warnings.map((text): Row => ({
    name: `WARN: ${printable(text)}`,
    size: '',
    took: own.took,
    isRunning: false,
    colour: 'cancel',
    tail: [],
  }))
  return [own, ...statuses, ...warnings]
}

function mark(step: Step): string {
  if (step.isCanceled) return 'CANCELED '
  if (step.error !== '') return 'ERROR '
  return step.cached ? 'CACHED ' : ''
}

function colourOf(step: Step): Colour {
  if (step.isCanceled) return 'cancel'
  return step.error === '' ? 'run' : 'error'
}

/** The last rows, but those at work however old they are. */
function fitting(rows: readonly Row[], room: number): Row[] {
  if (rows.length <= room) return [...rows]
  const running = rows.filter(({ isRunning }) => isRunning).slice(-room)
  const others = rows.filter(({ isRunning }) => !isRunning)
  const left = room - running.length
  const kept = new Set([...running, ...(left > 0 ? others.slice(-left) : [])])
  return rows.filter((row) => kept.has(row))
}

function rowLine(row: Row, width: number, colours: boolean): FrameLine {
  const seconds = row.took < 50 ? 0 : row.took / 1000
  const timer = ` ${seconds.toFixed(1)}s`
  const lead = ' => '
  let left = width - 1 - lead.length - timer.length
  const size = row.size !== '' && left - row.size.length - 1 > 12 ? ` ${row.size}` : ''
  left -= size.length
  const name = clipCells(row.name, Math.max(left, 0))
  const blank = ' '.repeat(Math.max(left - cellsOf(name), 0))
  const text = `${lead}${name}${size}${blank}${timer}`
  return { text: colours ? coloured(text, row.colour) : text, cells: width - 1 }
}

function tailLine(line: string, width: number, colours: boolean): FrameLine {
  const text = clipCells(` => => # ${line}`, width - 1)
  return { text: colours ? coloured(text, 'faint') : text, cells: cellsOf(text) }
}

export function coloured(text: string, colour: Colour | undefined): string {
  return colour === undefined ? text : `\x1b[${CODES[colour]}m${text}\x1b[0m`
}
