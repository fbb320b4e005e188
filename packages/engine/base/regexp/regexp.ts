/**
 * Regular expressions of API clients, in RE2's syntax as Docker's are. JavaScript's own go back and
 * try again, so that `(a+)+$` stops the event loop for as long as the client likes; these follow
 * all ways at once and take time linear in the text.
 */
import { type CharTest, RegexpError, WORD } from './char-class.ts'
import { type Assertion, type Node, parseRegexp } from './parse.ts'

type Instruction =
  | { kind: 'char'; test: CharTest; next: number }
  | { kind: 'assert'; what: Assertion; next: number }
  | { kind: 'split'; next: readonly number[] }
  | { kind: 'match' }

/** Counted repetitions are written out. */
const MAX_INSTRUCTIONS = 5000
/** Of all texts that one expression is tried on; some 100 ms. */
const MAX_STEPS = 5_000_000
const NEWLINE = 0x0a
/** Where the program ends. */
const MATCH = 0

export class Regexp {
  readonly #program: Instruction[] = [{ kind: 'match' }]
  readonly #start: number
  readonly #pattern: string
  #stepsLeft = MAX_STEPS
  /** In which round each instruction was reached last. */
  readonly #marks: Uint32Array
  #round = 1

  /** Throws RegexpError in Go's words. */
  constructor(pattern: string) {
    this.#pattern = pattern
    this.#start = this.#compile(parseRegexp(pattern), MATCH)
    this.#marks = new Uint32Array(this.#program.length)
  }

  /** Whether it is found anywhere in `text`. Throws RegexpError when it has used up its time. */
  test(text: string): boolean {
    let states: number[] = []
    this.#round++
    let before: number | undefined
    for (let at = 0, next = text.codePointAt(0); ;) {
      const char = next
      this.#follow(states, this.#start, before, char)
      if (this.#marks[MATCH] === this.#round) return true
      if (char === undefined) return false
      at += char > 0xffff ? 2 : 1
      next = text.codePointAt(at)
      this.#round++
      const reached: number[] = []
      for (const state of states) {
        const instruction = this.#program[state]!
        if (instruction.kind === 'char' && instruction.test(char))
          this.#follow(reached, instruction.next, char, next)
      }
      states = reached
      before = char
    }
  }

  /** Adds `start` and all that is reached from there without a character. */
  #follow(
    states: number[],
    start: number,
    before: number | undefined,
    after: number | undefined,
  ): void {
    const pending = [start]
    for (let state = pending.pop(); state !== undefined; state = pending.pop()) {
      if (this.#marks[state] === this.#round) continue
      if (this.#stepsLeft-- <= 0) throw new RegexpError('expression too costly', this.#pattern)
      this.#marks[state] = this.#round
      states.push(state)
      const instruction = this.#program[state]!
      if (instruction.kind === 'split') pending.push(...instruction.next)
      if (instruction.kind === 'assert' && holds(instruction.what, before, after))
        pending.push(instruction.next)
    }
  }

  #add(instruction: Instruction): number {
    if (this.#program.length >= MAX_INSTRUCTIONS)
      throw new RegexpError('expression too large', this.#pattern)
    return this.#program.push(instruction) - 1
  }

  /** Where to begin so as to match `node` and then go on at `next`. */
  #compile(node: Node, next: number): number {
    switch (node.kind) {
      case 'char':
        return this.#add({ kind: 'char', test: node.test, next })
      case 'assert':
        return this.#add({ kind: 'assert', what: node.what, next })
      case 'all':
        return node.nodes.reduceRight((after, part) => this.#compile(part, after), next)
      case 'either':
        return this.#add({ kind: 'split', next: node.nodes.map((n) => this.#compile(n, next)) })
      case 'repeat':
        return this.#repeat(node, next)
    }
  }

  #repeat({ node, min, max }: Extract<Node, { kind: 'repeat' }>, next: number): number {
    let at = next
    if (max === Infinity) {
      const ways = [next]
      at = this.#add({ kind: 'split', next: ways })
      ways.push(this.#compile(node, at))
    }
    for (let n = max === Infinity ? min : max; n > 0; n--) {
      // Each costs, also an empty one: `(){1000}` in itself.
      const body = this.#compile(node, at)
      at = this.#add({ kind: 'split', next: n > min ? [body, next] : [body] })
    }
    return at
  }
}

function holds(what: Assertion, before: number | undefined, after: number | undefined): boolean {
  switch (what) {
    case 'begin':
      return before === undefined
    case 'end':
      return after === undefined
    case 'beginLine':
      return before === undefined || before === NEWLINE
    case 'endLine':
      return after === undefined || after === NEWLINE
    case 'boundary':
      return isWord(before) !== isWord(after)
    case 'noBoundary':
      return isWord(before) === isWord(after)
  }
}

function isWord(char: number | undefined): boolean {
  return char !== undefined && WORD(char)
}

/**
 * A filter's value as moby takes it: the text itself, or an expression found in it; a broken one
 * matches nothing.
 */
export function textMatcher(pattern: string): (text: string) => boolean {
  let expression: Regexp | undefined
  try {
    expression = new Regexp(pattern)
  } catch {
    expression = undefined
  }
  return (text) => {
    if (pattern === text) return true
    try {
      return expression?.test(text) ?? false
    } catch {
      return false
    }
  }
}
