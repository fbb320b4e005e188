/**
 * From physical lines to logical ones: directives and comments taken out, continued lines joined,
 * the text of heredocs read. Rules and sentences are those of BuildKit's parser package.
 */
import { DirectiveReader } from './directives.ts'
import { byteLength, isSpace, trimSpace, trimSpaceStart } from './go-text.ts'
import type { FilledHeredoc, Heredoc } from './heredoc.ts'
import { DockerfileError } from './instruction.ts'

export interface LogicalLine {
  text: string
  start: number
  end: number
  /** Comments right above, without their `#`. */
  comments: string[]
  /** An empty line stands amid continued ones. */
  emptyContinuation: boolean
}

/** Bytes of a line with its newline, as in Go's scanner. */
const MAX_LINE = 65_536

export class LineReader {
  readonly #lines: string[]
  readonly #tooLong: boolean
  readonly #directives = new DirectiveReader()
  escape: '\\' | '`' = '\\'
  #at = 0
  #comments: string[] = []

  constructor(text: string) {
    const lines = splitLines(text.startsWith('\uFEFF') ? text.slice(1) : text)
    const long = lines.findIndex(isTooLong)
    this.#tooLong = long >= 0
    this.#lines = long < 0 ? lines : lines.slice(0, long)
  }

  /** Number of the line that was read last. */
  get line(): number {
    return this.#at
  }

  /** The next logical line that is not empty; undefined at the end. */
  next(): LogicalLine | undefined {
    while (this.#at < this.#lines.length) {
      const raw = this.#lines[this.#at]!
      const first = this.#continued(this.#firstOf(raw))
      this.#at++
      if (first.ends && first.text === '') continue
      const start = this.#at
      const { text, emptyContinuation } = this.#join(first)
      const comments = this.#comments
      this.#comments = []
      return { text, start, end: this.#at, comments, emptyContinuation }
    }
    return undefined
  }

  /** Reads on to the word that ends `heredoc`; `start` is where its instruction begins. */
  readHeredoc(heredoc: Heredoc, start: number): FilledHeredoc {
    const from = this.#at
    while (this.#at < this.#lines.length) {
      const line = trimNewline(this.#lines[this.#at]!)
      this.#at++
      if ((heredoc.chomp ? line.replace(/^\t+/, '') : line) !== heredoc.name) continue
      return { ...heredoc, content: this.#lines.slice(from, this.#at - 1).join('') }
    }
    throw new DockerfileError('unterminated heredoc', { start, end: this.#at })
  }

  /** To be asked last: in a file with nothing else in it, that is what is wrong with it. */
  checkLength(): void {
    if (!this.#tooLong) return
    throw new DockerfileError(`dockerfile line greater than max allowed size of ${MAX_LINE - 1}`, {
      start: this.#at,
      end: this.#at,
    })
  }

  /** A line that begins an instruction, comments and directives cut out of it. */
  #firstOf(raw: string): string {
    const line = trimSpaceStart(trimNewline(raw))
    if (line[0] !== '#') {
      this.#directive(line)
      return line
    }
    const comment = trimSpace(raw.slice(1))
    if (!this.#directive(line)) {
      if (comment === '') this.#comments = []
      else this.#comments.push(comment)
    }
    return ''
  }

  #directive(line: string): boolean {
    try {
      const directive = this.#directives.read(line)
      if (directive?.name === 'escape') this.#setEscape(directive.value)
      return directive !== undefined
    } catch (error) {
      const at = this.#at + 1
      throw new DockerfileError((error as Error).message, { start: at, end: at }, { cause: error })
    }
  }

  #setEscape(value: string): void {
    if (value !== '\\' && value !== '`') {
      throw new Error(`invalid escape token '${value}' does not match \` or \\`)
    }
    this.escape = value
  }

  #join(first: { text: string; ends: boolean }): { text: string; emptyContinuation: boolean } {
    let { text, ends } = first
    let emptyContinuation = false
    while (!ends && this.#at < this.#lines.length) {
      const line = trimNewline(this.#lines[this.#at++]!)
      const begins = firstVisible(line)
      if (begins === '#') continue
      if (begins === undefined) {
        emptyContinuation = true
        continue
      }
      const part = this.#continued(line)
      text += part.text
      ends = part.ends
    }
    return { text, emptyContinuation }
  }

  /** Cuts the escape off a line that goes on; one escape before it makes it an ordinary character. */
  #continued(line: string): { text: string; ends: boolean } {
    let end = line.length
    while (end > 0 && (line[end - 1] === ' ' || line[end - 1] === '\t')) end--
    if (line[end - 1] !== this.escape || line[end - 2] === this.escape) {
      return { text: line, ends: true }
    }
    return { text: line.slice(0, end - 1), ends: false }
  }
}

function splitLines(text: string): string[] {
  const lines: string[] = []
  for (let at = 0; at < text.length;) {
    const newline = text.indexOf('\n', at)
    const end = newline < 0 ? text.length : newline + 1
    lines.push(text.slice(at, end))
    at = end
  }
  return lines
}

function isTooLong(line: string): boolean {
  if (line.length * 3 < MAX_LINE) return false
  const bytes = byteLength(line)
  return bytes > MAX_LINE || (bytes === MAX_LINE && !line.endsWith('\n'))
}

function trimNewline(line: string): string {
  let end = line.length
  while (end > 0 && (line[end - 1] === '\n' || line[end - 1] === '\r')) end--
  return line.slice(0, end)
}

function firstVisible(line: string): string | undefined {
  for (let at = 0; at < line.length; at++) if (!isSpace(line.charCodeAt(at))) return line[at]
  return undefined
}
