/** Dockerfile instructions that change an image's config: `--change` of import and commit. */
import { posix } from 'node:path'
import type { ImageConfig } from '@tdocker/oci'
import { EngineError, invalidParameter } from '../base/errors.ts'
import { parseSignal } from '../base/signal-name.ts'
import { type Variables, shellWord, shellWords } from './shell-words.ts'

type Config = NonNullable<ImageConfig['config']>

/** What instructions before it leave behind, beside the config. */
interface State {
  /** A `CMD` of these changes outlives an `ENTRYPOINT`. */
  cmdSet: boolean
}

type Change = (config: Config, rest: string, state: State) => void

/** Applies each change in order to a copy. Throws invalidParameter in moby's words. */
export function applyChanges(config: Config, changes: readonly string[]): Config {
  const result = structuredClone(config)
  const state = { cmdSet: false }
  for (const line of changes) {
    const [, word = '', rest = ''] = /^\s*(\S+)\s*([\s\S]*?)\s*$/.exec(line) ?? []
    if (word === '' || word.startsWith('#')) continue
    applyChange(result, word, rest, state)
  }
  return result
}

const EMPTY_IS_GOOD: ReadonlySet<string> = new Set(['cmd', 'entrypoint'])
const ONE_ARGUMENT: ReadonlySet<string> = new Set(['user', 'workdir', 'stopsignal', 'onbuild'])

function applyChange(config: Config, word: string, rest: string, state: State): void {
  const name = word.toLowerCase()
  const change = Object.hasOwn(CHANGES, name) ? CHANGES[name] : undefined
  if (change === undefined) throw invalidParameter(`${word} is not a valid change command`)
  if (rest === '' && !EMPTY_IS_GOOD.has(name)) {
    const many = ONE_ARGUMENT.has(name) && name !== 'onbuild' ? 'exactly' : 'at least'
    throw invalidParameter(`${word.toUpperCase()} requires ${many} one argument`)
  }
  try {
    change(config, rest, state)
  } catch (error) {
    throw error instanceof EngineError ? error : invalidParameter((error as Error).message, error)
  }
}

const CHANGES: Readonly<Record<string, Change>> = {
  cmd: (config, rest, state) => {
    config.Cmd = command(rest)
    state.cmdSet ||= rest !== ''
  },
  entrypoint: (config, rest, state) => {
    // Empty it clears what was there.
    config.Entrypoint = rest === '' ? [] : command(rest)
    if (!state.cmdSet) delete config.Cmd
  },
  env: (config, rest) => {
    for (const [key, value] of pairs('ENV', rest, variablesOf(config))) {
      const env = [...(config.Env ?? [])]
      const at = env.findIndex((entry) => entry.split('=', 1)[0] === key)
      if (at < 0) env.push(`${key}=${value}`)
      else env[at] = `${key}=${value}`
      config.Env = env
    }
  },
  label: (config, rest) => {
    const added = pairs('LABEL', rest, variablesOf(config))
    config.Labels = { ...config.Labels, ...Object.fromEntries(added) }
  },
  workdir: (config, rest) => {
    const path = shellWord(rest, variablesOf(config))
    if (path === '') throw invalidParameter('cannot normalize nothing')
    config.WorkingDir = posix.resolve('/', config.WorkingDir ?? '/', path)
  },
  user: (config, rest) => {
    config.User = shellWord(rest, variablesOf(config))
  },
  stopsignal: (config, rest) => {
    const signal = shellWord(rest, variablesOf(config))
    parseSignal(signal)
    config.StopSignal = signal
  },
  volume: (config, rest) => {
    const paths = jsonList(rest) ?? shellWords(rest, variablesOf(config))
    if (paths.some((path) => path.trim() === ''))
      throw invalidParameter('VOLUME specified can not be an empty string')
    config.Volumes = { ...config.Volumes, ...emptySet(paths) }
  },
  expose: (config, rest) => {
    // The one instruction whose variables may hold several words.
    const words = shellWords(rest, variablesOf(config)).flatMap((word) => word.split(/\s+/))
    config.ExposedPorts = {
      ...config.ExposedPorts,
      ...emptySet(words.filter(Boolean).flatMap(ports)),
    }
  },
  onbuild: (config, rest) => {
    config.OnBuild = [...(config.OnBuild ?? []), rest]
  },
  healthcheck: (config, rest) => {
    config.Healthcheck = healthcheck(rest)
  },
}

function variablesOf({ Env = [] }: Config): Variables {
  const values = new Map(
    Env.map((entry) => [envName(entry), entry.slice(envName(entry).length + 1)]),
  )
  return (name) => values.get(name)
}

function envName(entry: string): string {
  return entry.split('=', 1)[0] ?? ''
}

function emptySet(names: readonly string[]): Record<string, object> {
  return Object.fromEntries(names.map((name) => [name, {}]))
}

/** The JSON form as it is, the shell form through a shell. */
function command(rest: string): string[] {
  return jsonList(rest) ?? ['/bin/sh', '-c', ...(rest === '' ? [] : [rest])]
}

function jsonList(text: string): string[] | undefined {
  if (!text.startsWith('[')) return undefined
  try {
    const value: unknown = JSON.parse(text)
    if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value
  } catch {
    // Then it is the shell form.
  }
  return undefined
}

/** `a=b c="d e"`, or the old `key the whole rest`. */
function pairs(instruction: string, rest: string, variables: Variables): Array<[string, string]> {
  const found = shellWords(rest, variables)
  if (!found[0]?.includes('=')) {
    const [, key = '', value] = /^(\S+)\s+([\s\S]+)$/.exec(rest) ?? []
    if (value === undefined) throw invalidParameter(`${instruction} must have two arguments`)
    return [[key, shellWord(value, variables)]]
  }
  return found.map((word) => {
    const at = word.indexOf('=')
    if (at < 0) {
      throw invalidParameter(
        `Syntax error - can't find = in ${JSON.stringify(word)}. Must be of the form: name=value`,
      )
    }
    if (at === 0) throw invalidParameter(`${instruction} names can not be blank`)
    return [word.slice(0, at), word.slice(at + 1)]
  })
}

/** `80`, `80/udp`, `8000-8002/tcp`. */
export function ports(text: string): string[] {
  const [range = '', given] = text.split(/\/(.*)/s)
  const protocol = (given || 'tcp').toLowerCase()
  if (range === '') throw invalidParameter(`no port specified: ${text}<empty>`)
  if (!['tcp', 'udp', 'sctp'].includes(protocol))
    throw invalidParameter(`invalid proto: ${protocol}`)
  const match = /^(\d+)(?:-(\d+))?$/.exec(range)
  const first = Number(match?.[1])
  const last = Number(match?.[2] ?? first)
  if (match === null || first > 65535 || last > 65535 || last < first) {
    throw invalidParameter(`invalid containerPort: ${range}`)
  }
  return Array.from({ length: last - first + 1 }, (_, at) => `${first + at}/${protocol}`)
}

const DURATIONS = {
  interval: 'Interval',
  timeout: 'Timeout',
  'start-period': 'StartPeriod',
  'start-interval': 'StartInterval',
} as const
const UNITS: Readonly<Record<string, number>> = {
  h: 3600e9,
  m: 60e9,
  s: 1e9,
  ms: 1e6,
  us: 1e3,
  ns: 1,
}

function healthcheck(rest: string): NonNullable<Config['Healthcheck']> {
  const check: NonNullable<Config['Healthcheck']> = {}
  let text = rest
  for (;;) {
    const [whole, name = '', value = ''] = /^--([a-z-]+)=(\S+)\s*/.exec(text) ?? []
    if (whole === undefined) break
    text = text.slice(whole.length)
    if (name === 'retries') check.Retries = retries(value)
    else if (Object.hasOwn(DURATIONS, name))
      check[DURATIONS[name as keyof typeof DURATIONS]] = interval(name, value)
    else throw invalidParameter(`unknown flag: --${name}`)
  }
  const [, kind = '', argument = ''] = /^(\S+)\s*([\s\S]*)$/.exec(text) ?? []
  const type = kind.toUpperCase()
  if (type === 'NONE') {
    if (argument !== '') throw invalidParameter('HEALTHCHECK NONE takes no arguments')
    return { Test: ['NONE'] }
  }
  if (type === '') throw invalidParameter('HEALTHCHECK requires at least one argument')
  if (type !== 'CMD') {
    throw invalidParameter(`Unknown type ${JSON.stringify(type)} in HEALTHCHECK (try CMD)`)
  }
  const list = jsonList(argument)
  if (argument === '' || list?.length === 0)
    throw invalidParameter('Missing command after HEALTHCHECK CMD')
  return { Test: list ? ['CMD', ...list] : ['CMD-SHELL', argument], ...check }
}

function retries(text: string): number {
  if (!/^[+-]?\d+$/.test(text)) {
    throw invalidParameter(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`)
  }
  const count = Number(text)
  if (count < 0) throw invalidParameter(`--retries cannot be negative (${count})`)
  return count
}

/** Nanoseconds, at least a millisecond; 0 is "not said". */
function interval(name: string, text: string): number {
  const ns = duration(text)
  if (ns !== 0 && ns < 1e6)
    throw invalidParameter(`Interval ${JSON.stringify(name)} cannot be less than 1ms`)
  return ns
}

function duration(text: string): number {
  if (text === '0') return 0
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ns|us|ms|h|m|s)/g)]
  if (parts.map(([whole]) => whole).join('') !== text) {
    throw invalidParameter(`time: invalid duration ${JSON.stringify(text)}`)
  }
  return parts.reduce((sum, [, n, unit]) => sum + Number(n) * (UNITS[unit ?? ''] ?? 0), 0)
}
