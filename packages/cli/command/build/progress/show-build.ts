/** Follows the answer of a build and shows it in the way that was asked for. */
import { BUILD_TRACE_ID, type WireSolveStatus } from '@tdocker/api/build-trace.ts'
import { jsonLines } from '../../../format/lines.ts'
import { ProgressDisplay, type ProgressMessage } from '../../../format/progress.ts'
import { type Cli, StatusError } from '../../cli.ts'
import { OUTPUT_MESSAGE, type Receiver } from '../output/receive.ts'
import { PlainPrinter } from './plain.ts'
import { BuildState, type Changes } from './state.ts'
import { TtyDisplay } from './tty.ts'

/** `classic`: the text of daemons without a trace, on stdout. */
export type ProgressMode = 'classic' | 'plain' | 'quiet' | 'rawjson' | 'tty'

/** Milliseconds between two frames. */
const PACE = 100

interface Surroundings {
  quiet: boolean
  /** stderr, where displays are. */
  isTerminal: boolean
  /** stdout goes to a program, and a file of the build's result does not go there. */
  isTextRead: boolean
  env: Cli['env']
}

/**
 * What `--progress` means here. `auto` is a live display on a terminal; elsewhere it is the classic
 * text on stdout, which scripts read. DOCKER_BUILDKIT decides: 0 is classic, 1 is never.
 */
export function progressMode(given: string, o: Surroundings): ProgressMode {
  if (o.quiet) return 'quiet'
  switch (given) {
    case 'plain':
    case 'quiet':
    case 'rawjson':
      return given
    case 'tty':
      if (o.isTerminal) return 'tty'
      throw new Error('failed to get console: provided file is not a console')
    case '':
    case 'auto':
      return autoMode(o)
    default:
      throw new Error(`invalid progress mode ${given}`)
  }
}

function autoMode({ isTerminal, isTextRead, env }: Surroundings): ProgressMode {
  const wanted = env['DOCKER_BUILDKIT'] ?? ''
  if (/^(0|f|false)$/i.test(wanted)) return 'classic'
  if (wanted === '' && (!isTerminal || isTextRead)) return 'classic'
  return isTerminal ? 'tty' : 'plain'
}

/** Answers the image's id; a failed build ends with the code of its command. */
export async function showBuild(
  cli: Cli,
  response: AsyncIterable<Buffer>,
  mode: ProgressMode,
  receiver: Receiver,
): Promise<string> {
  const state = new BuildState()
  const display = displayOf(cli, mode, state)
  const classic = new ClassicText(cli, { isQuiet: mode === 'quiet', toStderr: receiver.usesStdout })
  let id = ''
  try {
    for await (const line of jsonLines(response)) {
      const message = JSON.parse(line) as ProgressMessage
      if (message.id === BUILD_TRACE_ID) {
        display.update(message.aux as WireSolveStatus)
        continue
      }
      if (message.id === OUTPUT_MESSAGE) {
        await receiver.take(message.aux as object)
        continue
      }
      const failure = message.errorDetail?.message ?? message.error
      if (failure !== undefined) {
        display.end()
        classic.fail()
        throw new StatusError(message.errorDetail?.code || 1, failureOf(state, failure))
      }
      id = (message.aux as { ID?: string } | undefined)?.ID ?? id
      classic.show(message)
    }
  } finally {
    display.end()
  }
  if (mode === 'quiet') return classic.finish()
  if (mode !== 'rawjson') cli.printError(warningsText(state))
  return id
}

interface Display {
  update(told: WireSolveStatus): void
  end(): void
}

function displayOf(cli: Cli, mode: ProgressMode, state: BuildState): Display {
  if (mode === 'rawjson')
    return {
      update: ({ excerpt, ...told }) => {
        state.apply({ ...told, ...(excerpt !== undefined && { excerpt }) })
        if (Object.keys(told).length > 0) cli.printError(`${JSON.stringify(told)}\n`)
      },
      end: () => {},
    }
  if (mode === 'plain') {
    const printer = new PlainPrinter((text) => void (text && cli.stderr.write(text)))
    return paced(state, {
      changed: (changes) => printer.update(changes),
      show: () => printer.flush(Date.now()),
      end: () => printer.finish(state, Date.now()),
    })
  }
  if (mode !== 'tty') return { update: (told) => void state.apply(told), end: () => {} }
  const { stderr } = cli
  const size = (): { width: number; height: number } => {
    const [width = 0, height = 0] = stderr.getWindowSize?.() ?? [stderr.columns, stderr.rows]
    return { width: width || 80, height: height || 10 }
  }
  const colours = (cli.env['NO_COLOR'] ?? '') === ''
  const tty = new TtyDisplay({ write: (text) => void stderr.write(text), size, colours }, state)
  return paced(state, {
    changed: () => {},
    show: () => tty.draw(Date.now()),
    end: () => tty.finish(Date.now()),
  })
}

/** Shows what is new at a steady pace, and at the end once more. */
function paced(
  state: BuildState,
  o: { changed(changes: Changes): void; show(): void; end(): void },
): Display {
  let timer: NodeJS.Timeout | undefined
  let isOver = false
  return {
    update: (told) => {
      o.changed(state.apply(told))
      timer ??= setInterval(o.show, PACE)
    },
    end: () => {
      if (isOver) return
      isOver = true
      clearInterval(timer)
      if (timer) o.end()
    },
  }
}

/** On stdout; held back where the build is quiet, and told on stderr when it fails. */
class ClassicText {
  readonly #cli: Cli
  readonly #isQuiet: boolean
  readonly #held: string[] = []
  readonly #display: ProgressDisplay
  readonly #out: NodeJS.WriteStream

  /** `toStderr`: stdout is for what was built. */
  constructor(cli: Cli, { isQuiet, toStderr }: { isQuiet: boolean; toStderr: boolean }) {
    this.#cli = cli
    this.#isQuiet = isQuiet
    this.#out = toStderr ? cli.stderr : cli.stdout
    const out = this.#out
    this.#display = new ProgressDisplay({
      write: (text) => void (isQuiet ? this.#held.push(text) : out.write(text)),
      width: out.isTTY ? (out.columns ?? 200) : undefined,
    })
  }

  show(message: ProgressMessage): void {
    this.#display.show(message)
  }

  fail(): void {
    if (this.#isQuiet) for (const text of this.#held) this.#cli.printError(text)
  }

  finish(): string {
    const said = this.#held.join('')
    this.#out.write(said)
    return said.trim()
  }
}

/** With the place in the Dockerfile, as BuildKit's clients say it, where there was a trace. */
function failureOf(state: BuildState, failure: string): string {
  if (state.steps.size === 0) return failure
  const said = state.failed[0]?.error ?? failure
  return `${state.excerpt}ERROR: failed to build: failed to solve: ${said}`
}

function warningsText({ warnings }: BuildState): string {
  if (warnings.length === 0) return ''
  const head = warnings.length === 1 ? '1 warning found' : `${warnings.length} warnings found`
  return `\n ${head}:\n${warnings.map((text) => ` - ${text}\n`).join('')}`
}
