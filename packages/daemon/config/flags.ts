/** Command lines as pflag reads them, with its sentences. */
import { options, nameOf, type Kind, type Option } from './options.ts'

/** What is wrong with how the program was called or configured; the message is for people. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
}

/** Settings by name (`nameOf`), as one layer of configuration gave them. */
export type Settings = Map<string, unknown>

export interface Flags {
  settings: Settings
  /** Names of the options given, by the flag as written: for conflicts with the file. */
  given: Set<string>
}

/** Throws ConfigError with pflag's sentence. */
export function parseFlags(args: readonly string[]): Flags {
  const parser = new Parser(args)
  parser.run()
  return { settings: parser.settings, given: parser.given }
}

const byFlag = new Map(options.flatMap((o) => (o.flag ? [[o.flag, o] as const] : [])))
const byShort = new Map(options.flatMap((o) => (o.short ? [[o.short, o] as const] : [])))

class Parser {
  readonly settings: Settings = new Map()
  readonly given = new Set<string>()
  readonly #rest: string[]

  constructor(args: readonly string[]) {
    this.#rest = [...args]
  }

  run(): void {
    for (let arg = this.#rest.shift(); arg !== undefined; arg = this.#rest.shift()) {
      if (arg === '--') return this.#refuseArguments(this.#rest)
      if (arg.startsWith('--')) this.#long(arg)
      else if (arg.startsWith('-') && arg !== '-') this.#short(arg)
      else this.#refuseArguments([arg])
    }
  }

  #refuseArguments(args: readonly string[]): void {
    if (args.length > 0) throw new ConfigError('"tdockerd" accepts no argument(s).')
  }

  #long(arg: string): void {
    const text = arg.slice(2)
    if (text.startsWith('-') || text.startsWith('=')) {
      throw new ConfigError(`bad flag syntax: ${arg}`)
    }
    const equals = text.indexOf('=')
    const name = equals < 0 ? text : text.slice(0, equals)
    const option = byFlag.get(name)
    if (!option) throw new ConfigError(`unknown flag: --${name}`)
    if (equals >= 0) return this.#set(option, text.slice(equals + 1))
    if (option.kind === 'bool') return this.#set(option, 'true')
    const value = this.#rest.shift()
    if (value === undefined) throw new ConfigError(`flag needs an argument: --${name}`)
    this.#set(option, value)
  }

  /** `-D`, `-Hx`, `-H=x`, `-H x`, and several booleans in one. */
  #short(arg: string): void {
    let text = arg.slice(1)
    while (text !== '') {
      const letter = text.slice(0, 1)
      const option = letter === 'h' ? byFlag.get('help') : byShort.get(letter)
      if (!option) throw new ConfigError(`unknown shorthand flag: '${letter}' in -${arg.slice(1)}`)
      text = text.slice(1)
      if (text.startsWith('=')) return this.#set(option, text.slice(1))
      if (option.kind === 'bool') {
        this.#set(option, 'true')
        continue
      }
      if (text !== '') return this.#set(option, text)
      const value = this.#rest.shift()
      if (value === undefined) {
        throw new ConfigError(`flag needs an argument: '${letter}' in -${arg.slice(1)}`)
      }
      return this.#set(option, value)
    }
  }

  #set(option: Option, text: string): void {
    const name = nameOf(option)
    this.given.add(name)
    try {
      this.settings.set(name, readers[option.kind](text, this.settings.get(name)))
    } catch (error) {
      const flag = option.short ? `-${option.short}, --${option.flag}` : `--${option.flag}`
      const why = (error as Error).message
      throw new ConfigError(`invalid argument ${JSON.stringify(text)} for "${flag}" flag: ${why}`)
    }
  }
}

/** A flag's text as a setting; `before` is what earlier flags of the same name made. */
const readers: Readonly<Record<Kind, (text: string, before: unknown) => unknown>> = {
  string: (text) => text,
  any: (text) => text,
  bool: (text) => {
    if (['1', 't', 'T', 'true', 'TRUE', 'True'].includes(text)) return true
    if (['0', 'f', 'F', 'false', 'FALSE', 'False'].includes(text)) return false
    throw new Error(`strconv.ParseBool: parsing ${JSON.stringify(text)}: invalid syntax`)
  },
  int: (text) => {
    if (/^[+-]?\d+$/.test(text)) return Number(text)
    throw new Error(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`)
  },
  list: (text, before) => [...((before as string[]) ?? []), text],
  map: (text, before) => {
    const [key, value] = cut(text, '=')
    return { ...(before as object), [key]: value }
  },
  bytes: (text) => parseBytes(text),
  ulimits: (text, before) => ({ ...(before as object), ...parseUlimit(text) }),
  pools: (text, before) => [...((before as unknown[]) ?? []), parsePool(text)],
}

/** `64m`, `1GiB`, `4096`: powers of 1024, as Docker's RAMInBytes. */
export function parseBytes(text: string): number {
  const match = /^(\d+(?:\.\d+)?) ?([kmgtp])?i?b?$/i.exec(text)
  if (!match) throw new Error(`invalid size: '${text}'`)
  const power = ' kmgtp'.indexOf((match[2] ?? ' ').toLowerCase())
  return Math.floor(Number(match[1]) * 1024 ** power)
}

export interface Ulimit {
  soft: number
  hard: number
}

function parseUlimit(text: string): Record<string, Ulimit> {
  const match = /^(\w+)=(-?\d+)(?::(-?\d+))?$/.exec(text)
  if (!match?.[1]) throw new Error(`invalid ulimit argument: ${text}`)
  const soft = Number(match[2])
  return { [match[1]]: { soft, hard: match[3] === undefined ? soft : Number(match[3]) } }
}

function parsePool(text: string): { base: string; size: number } {
  const fields = new Map(text.split(',').map((part) => cut(part, '=') as [string, string]))
  const size = Number(fields.get('size'))
  if (!fields.get('base') || !Number.isInteger(size)) throw new Error(`invalid field ${text}`)
  return { base: fields.get('base') ?? '', size }
}

function cut(text: string, at: string): [string, string] {
  const index = text.indexOf(at)
  return index < 0 ? [text, ''] : [text.slice(0, index), text.slice(index + 1)]
}
