/** Dockerfile instructions that change an image's config: `--change` of import and commit. */
import { posix } from 'node:path'
import type { ImageConfig } from '@tdocker/oci'
import { invalidParameter } from '../base/errors.ts'

type Config = NonNullable<ImageConfig['config']>
type Change = (config: Config, rest: string) => void

/** Applies each change in order to a copy. Throws invalidParameter. */
export function applyChanges(config: Config, changes: readonly string[]): Config {
  const result = structuredClone(config)
  for (const line of changes) {
    const [, word = '', rest = ''] = /^\s*(\S+)\s*([\s\S]*?)\s*$/.exec(line) ?? []
    if (word === '') continue
    const name = word.toLowerCase()
    const change = Object.hasOwn(CHANGES, name) ? CHANGES[name] : undefined
    if (change === undefined) throw invalidParameter(`${word} is not a valid change command`)
    if (rest === '') throw invalidParameter(`${word.toUpperCase()} requires at least one argument`)
    change(result, rest)
  }
  return result
}

const CHANGES: Readonly<Record<string, Change>> = {
  cmd: (config, rest) => {
    config.Cmd = command(rest)
  },
  entrypoint: (config, rest) => {
    config.Entrypoint = command(rest)
    delete config.Cmd
  },
  env: (config, rest) => {
    for (const [key, value] of pairs('ENV', rest)) {
      const others = (config.Env ?? []).filter((entry) => !entry.startsWith(`${key}=`))
      config.Env = [...others, `${key}=${value}`]
    }
  },
  label: (config, rest) => {
    config.Labels = { ...config.Labels, ...Object.fromEntries(pairs('LABEL', rest)) }
  },
  workdir: (config, rest) => {
    config.WorkingDir = posix.resolve(config.WorkingDir ?? '/', words(rest)[0] ?? '/')
  },
  user: (config, rest) => {
    config.User = words(rest)[0] ?? ''
  },
  stopsignal: (config, rest) => {
    config.StopSignal = words(rest)[0] ?? ''
  },
  volume: (config, rest) => {
    const paths = jsonList(rest) ?? words(rest)
    config.Volumes = { ...config.Volumes, ...emptySet(paths) }
  },
  expose: (config, rest) => {
    config.ExposedPorts = { ...config.ExposedPorts, ...emptySet(words(rest).flatMap(ports)) }
  },
  onbuild: (config, rest) => {
    config.OnBuild = [...(config.OnBuild ?? []), rest]
  },
  healthcheck: (config, rest) => {
    config.Healthcheck = healthcheck(rest)
  },
}

function emptySet(names: readonly string[]): Record<string, object> {
  return Object.fromEntries(names.map((name) => [name, {}]))
}

/** The JSON form as it is, the shell form through a shell. */
function command(rest: string): string[] {
  return jsonList(rest) ?? ['/bin/sh', '-c', rest]
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
function pairs(instruction: string, rest: string): Array<[string, string]> {
  const found = words(rest)
  if (!found[0]?.includes('=')) {
    const [, key = '', value] = /^(\S+)\s+([\s\S]+)$/.exec(rest) ?? []
    if (value === undefined) throw invalidParameter(`${instruction} must have two arguments`)
    return [[key, value]]
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

/** Splits at blanks outside quotes; quotes and backslashes are taken away. */
function words(text: string): string[] {
  const found: string[] = []
  let word: string | undefined
  let quote = ''
  for (let at = 0; at < text.length; at++) {
    const char = text[at] ?? ''
    if (quote === '' && /\s/.test(char)) {
      if (word !== undefined) found.push(word)
      word = undefined
    } else if (char === quote) quote = ''
    else if (quote === '' && (char === '"' || char === "'")) {
      quote = char
      word ??= ''
    } else if (char === '\\' && quote !== "'" && at + 1 < text.length)
      word = (word ?? '') + text[++at]
    else word = (word ?? '') + char
  }
  if (word !== undefined) found.push(word)
  return found
}

/** `80`, `80/udp`, `8000-8002/tcp`. */
function ports(text: string): string[] {
  const match = /^(\d+)(?:-(\d+))?(?:\/(tcp|udp|sctp))?$/i.exec(text)
  const first = Number(match?.[1])
  const last = Number(match?.[2] ?? first)
  if (match === null || first > 65535 || last > 65535 || last < first) {
    throw invalidParameter(`invalid containerPort: ${text}`)
  }
  const protocol = (match[3] ?? 'tcp').toLowerCase()
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
    if (name === 'retries') check.Retries = Number(value)
    else if (Object.hasOwn(DURATIONS, name))
      check[DURATIONS[name as keyof typeof DURATIONS]] = duration(value)
    else throw invalidParameter(`unknown flag: --${name}`)
  }
  const [, kind = '', argument = ''] = /^(\S+)\s*([\s\S]*)$/.exec(text) ?? []
  if (kind.toUpperCase() === 'NONE') return { Test: ['NONE'] }
  if (kind.toUpperCase() !== 'CMD' || argument === '') {
    throw invalidParameter(`Unknown type ${JSON.stringify(kind)} in HEALTHCHECK (try CMD)`)
  }
  const list = jsonList(argument)
  return { Test: list ? ['CMD', ...list] : ['CMD-SHELL', argument], ...check }
}

function duration(text: string): number {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ns|us|ms|h|m|s)/g)]
  if (parts.map(([whole]) => whole).join('') !== text) {
    throw invalidParameter(`time: invalid duration ${JSON.stringify(text)}`)
  }
  return parts.reduce((sum, [, n, unit]) => sum + Number(n) * (UNITS[unit ?? ''] ?? 0), 0)
}
