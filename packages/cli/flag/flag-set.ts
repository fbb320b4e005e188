import { parseBool, quote } from './scalar.ts'

/** How one flag is declared. `parse` gets the text after the flag and the value so far. */
export interface FlagSpec<T> {
  readonly name: string
  readonly shorthand?: string
  readonly usage: string
  /** Word shown behind the flag in help pages; empty for switches. */
  readonly type: string
  readonly initial: T
  readonly parse: (text: string, current: T) => T
  /** Text shown as `(default …)`; absent where the default is a zero value. */
  readonly defaultText?: string
  /** Value taken when the flag stands alone: `--rm` is `--rm=true`. */
  readonly noValue?: string
  readonly hidden?: boolean
}

/** What the daemon must be for a flag: of a given system, of a minimum API version. */
export interface FlagNeeds {
  readonly os?: string
  readonly api?: string
}

/** A declared flag: its value after parsing, and whether the user gave it. */
export class Flag<T> {
  readonly spec: FlagSpec<T>
  value: T
  changed = false

  constructor(spec: FlagSpec<T>) {
    this.spec = spec
    this.value = spec.initial
  }

  set(text: string): void {
    try {
      this.value = this.spec.parse(text, this.value)
    } catch (error) {
      throw new FlagError(
        `invalid argument ${quote(text)} for "${this.label()}" flag: ${(error as Error).message}`,
      )
    }
    this.changed = true
  }

  private label(): string {
    const { name, shorthand } = this.spec
    return shorthand ? `-${shorthand}, --${name}` : `--${name}`
  }
}

/** A command line that does not fit the declared flags; the caller answers with usage and 125. */
export class FlagError extends Error {}

/**
 * Flags of one command, parsed as spf13/pflag does it, because scripts rely on its corners:
 * clusters (`-itd`), `--x=v`, `--rm=false`, `-e A=B`, `-eA=B`, `--` and, for commands that run
 * other commands, an end of flags at the first positional word.
 */
export class FlagSet {
  readonly flags: Map<string, Flag<unknown>> = new Map()
  private readonly shorthands = new Map<string, Flag<unknown>>()
  readonly needs: Map<string, FlagNeeds> = new Map()
  /** False: everything behind the first positional word is positional. */
  interspersed = true

  add<T>(spec: FlagSpec<T>): Flag<T> {
    const flag = new Flag(spec)
    this.flags.set(spec.name, flag as Flag<unknown>)
    if (spec.shorthand) this.shorthands.set(spec.shorthand, flag as Flag<unknown>)
    return flag
  }

  byLetter(letter: string): Flag<unknown> | undefined {
    return this.shorthands.get(letter)
  }

  /** What to say when an old name was used. */
  readonly deprecations: string[] = []
  private readonly deprecated = new Set<string>()

  /** Another, hidden name for a flag (`--net` for `--network`). */
  alias<T>(name: string, flag: Flag<T>, options: { readonly deprecated?: true } = {}): void {
    this.flags.set(name, flag as Flag<unknown>)
    if (options.deprecated) this.deprecated.add(name)
  }

  bool(name: string, shorthand: string, initial: boolean, usage: string): Flag<boolean> {
    return this.add({
      name,
      shorthand,
      usage,
      type: '',
      initial,
      parse: parseBool,
      noValue: 'true',
      ...(initial ? { defaultText: 'true' } : {}),
    })
  }

  string(name: string, shorthand: string, initial: string, usage: string): Flag<string> {
    return this.add({
      name,
      shorthand,
      usage,
      type: 'string',
      initial,
      parse: (text) => text,
      ...(initial === '' ? {} : { defaultText: quote(initial) }),
    })
  }

  /** A flag that may be given many times; `check` may rewrite or refuse each value. */
  list(
    name: string,
    shorthand: string,
    usage: string,
    check: (text: string) => string = (text) => text,
  ): Flag<readonly string[]> {
    return this.add<readonly string[]>({
      name,
      shorthand,
      usage,
      type: 'list',
      initial: [],
      parse: (text, current) => [...current, check(text)],
    })
  }

  /** States what the daemon must be for a flag declared before. */
  need(name: string, needs: FlagNeeds): void {
    this.needs.set(name, needs)
  }

  /** Parses `args`, sets the flags, answers the positional words. Throws FlagError. */
  parse(args: readonly string[]): string[] {
    const rest = [...args]
    const positional: string[] = []
    for (;;) {
      const word = rest.shift()
      if (word === undefined) return positional
      if (word === '--') return [...positional, ...rest]
      if (!word.startsWith('-') || word === '-') {
        positional.push(word)
        if (!this.interspersed) return [...positional, ...rest]
      } else if (word.startsWith('--')) {
        this.parseLong(word, rest)
      } else {
        this.parseCluster(word, rest)
      }
    }
  }

  private parseLong(word: string, rest: string[]): void {
    const text = word.slice(2)
    if (text.startsWith('-') || text.startsWith('=')) {
      throw new FlagError(`bad flag syntax: ${word}`)
    }
    const equals = text.indexOf('=')
    const name = equals < 0 ? text : text.slice(0, equals)
    const flag = this.flags.get(name)
    if (!flag) throw new FlagError(`unknown flag: --${name}`)
    if (this.deprecated.has(name)) {
      this.deprecations.push(`Flag --${name} has been deprecated, use --${flag.spec.name} instead`)
    }
    if (equals >= 0) return flag.set(text.slice(equals + 1))
    if (flag.spec.noValue !== undefined) return flag.set(flag.spec.noValue)
    const next = rest.shift()
    if (next === undefined) throw new FlagError(`flag needs an argument: --${name}`)
    flag.set(next)
  }

  private parseCluster(word: string, rest: string[]): void {
    let letters = word.slice(1)
    while (letters !== '') {
      const letter = letters[0] as string
      const flag = this.shorthands.get(letter)
      if (!flag) throw new FlagError(`unknown shorthand flag: ${goRune(letter)} in -${letters}`)
      const tail = letters.slice(1)
      if (tail.startsWith('=') && tail.length > 1) return flag.set(tail.slice(1))
      if (flag.spec.noValue !== undefined) {
        flag.set(flag.spec.noValue)
        letters = tail
        continue
      }
      if (tail !== '') return flag.set(tail)
      const next = rest.shift()
      if (next === undefined) {
        throw new FlagError(`flag needs an argument: ${goRune(letter)} in -${letters}`)
      }
      return flag.set(next)
    }
  }
}

function goRune(letter: string): string {
  return `'${letter === "'" || letter === '\\' ? '\\' : ''}${letter}'`
}
