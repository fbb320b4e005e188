import type { Flag, FlagSet } from './flag-set.ts'
import { parseCsvRecord } from './csv.ts'
import { parseBytes, parseDuration, parseInt64 } from './scalar.ts'
import { addFilter } from './spec/filter.ts'
import type { Filters } from './spec/filter.ts'

/** Flags of kinds that several commands share. */

export function intFlag(
  flags: FlagSet,
  name: string,
  usage: string,
  options: { shorthand?: string; initial?: number } = {},
): Flag<number> {
  const initial = options.initial ?? 0
  return flags.add<number>({
    name,
    ...(options.shorthand ? { shorthand: options.shorthand } : {}),
    usage,
    type: 'int',
    initial,
    parse: parseInt64,
    ...(initial === 0 ? {} : { defaultText: String(initial) }),
  })
}

export function bytesFlag(
  flags: FlagSet,
  name: string,
  usage: string,
  options: { shorthand?: string; parse?: (text: string) => number; hidden?: boolean } = {},
): Flag<number> {
  return flags.add<number>({
    name,
    ...(options.shorthand ? { shorthand: options.shorthand } : {}),
    ...(options.hidden ? { hidden: true } : {}),
    usage,
    type: 'bytes',
    initial: 0,
    parse: options.parse ?? parseBytes,
  })
}

/** Value in nanoseconds. */
export function durationFlag(flags: FlagSet, name: string, usage: string): Flag<number> {
  return flags.add<number>({ name, usage, type: 'duration', initial: 0, parse: parseDuration })
}

/** A flag whose values are parsed one by one into a list of structures. */
export function structFlag<T>(
  flags: FlagSet,
  name: string,
  type: string,
  usage: string,
  parse: (text: string) => T,
): Flag<readonly T[]> {
  return flags.add<readonly T[]>({
    name,
    usage,
    type,
    initial: [],
    parse: (text, current) => [...current, parse(text)],
  })
}

/** `--subnet a,b --subnet c`: commas separate too (pflag's StringSlice). */
export function stringsFlag(flags: FlagSet, name: string, usage: string): Flag<readonly string[]> {
  return flags.add<readonly string[]>({
    name,
    usage,
    type: 'strings',
    initial: [],
    parse: (text, current) => [...current, ...(text === '' ? [] : parseCsvRecord(text))],
  })
}

/** `--sysctl a=b`: the last value of a key counts. */
export function mapFlag(
  flags: FlagSet,
  name: string,
  usage: string,
  check: (text: string) => string = (text) => text,
  shorthand = '',
): Flag<Readonly<Record<string, string>>> {
  return flags.add<Readonly<Record<string, string>>>({
    name,
    ...(shorthand ? { shorthand } : {}),
    usage,
    type: 'map',
    initial: {},
    defaultText: 'map[]',
    parse: (text, current) => {
      const pair = check(text)
      const equals = pair.indexOf('=')
      const key = equals < 0 ? pair : pair.slice(0, equals)
      return { ...current, [key]: equals < 0 ? '' : pair.slice(equals + 1) }
    },
  })
}

export function filterFlag(flags: FlagSet): Flag<Filters> {
  return flags.add<Filters>({
    name: 'filter',
    shorthand: 'f',
    usage: 'Show only what meets the conditions given',
    type: 'filter',
    initial: {},
    parse: addFilter,
  })
}

/** `--filter` of the prune commands, where `-f` means `--force`. */
export function pruneFilterFlag(flags: FlagSet): Flag<Filters> {
  return flags.add<Filters>({
    name: 'filter',
    usage: 'Remove only what meets the conditions given',
    type: 'filter',
    initial: {},
    parse: addFilter,
  })
}

const inspectFormats = `Write the output with a template of your own:
'json':             JSON
'TEMPLATE':         what the given Go template makes of it`

const listFormats = `Write the output with a template of your own:
'table':            columns under headers (default)
'table TEMPLATE':   columns of the given Go template
'json':             one JSON object per line
'TEMPLATE':         what the given Go template makes of it`

export function formatFlag(flags: FlagSet, kind: 'list' | 'inspect', shorthand = ''): Flag<string> {
  return flags.string('format', shorthand, '', kind === 'list' ? listFormats : inspectFormats)
}
