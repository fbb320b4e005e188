/** The page of `tdockerd --help`, shaped like dockerd's. */
import { options, type Kind, type Option } from './options.ts'

export const usageLine = 'tdockerd [OPTIONS]'
export const summary = 'A self-sufficient runtime for containers.'

export function helpPage(): string {
  const rows = options
    .filter((o) => o.flag !== undefined && !o.hidden)
    .map((o) => [left(o), `${o.help ?? ''}${fallback(o)}`] as const)
  const width = Math.max(...rows.map(([flag]) => flag.length)) + 3
  const lines = rows.map(([flag, help]) => `${flag.padEnd(width)}${help}`.trimEnd())
  return `Usage:\t${usageLine}\n\n${summary}\n\nOptions:\n${lines.join('\n')}\n`
}

function left(option: Option): string {
  const short = option.short ? `-${option.short}, ` : '    '
  const word = option.word ?? words[option.kind]
  return `  ${short}--${option.flag}${word === '' ? '' : ` ${word}`}`
}

const words: Readonly<Record<Kind, string>> = {
  any: 'value',
  bool: '',
  bytes: 'bytes',
  int: 'int',
  list: 'list',
  map: 'map',
  pools: 'pool-options',
  string: 'string',
  ulimits: 'ulimit',
}

function fallback(option: Option): string {
  if (option.fallback === undefined) return ''
  const quoted = option.kind === 'string' ? JSON.stringify(option.fallback) : option.fallback
  return ` (default ${quoted})`
}
