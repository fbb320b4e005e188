import { readFileSync } from 'node:fs'

export type Lookup = (name: string) => string | undefined

/** One `-e`: `A=B` as it is, `A` with the client's value; unset names go to the daemon as `A`. */
export function envValue(lookup: Lookup): (text: string) => string {
  return (text) => {
    const name = text.split('=', 1)[0] as string
    if (name === '') throw new Error(`invalid environment variable: ${text}`)
    if (text.includes('=')) return text
    const value = lookup(name)
    return value === undefined ? text : `${name}=${value}`
  }
}

/**
 * Lines `KEY=value` of an `--env-file` or `--label-file`. Comments start with `#`, values are taken
 * as they stand (no quotes, no expansion). A key alone takes its value from `lookup`, or is left
 * out. Throws with docker's sentences.
 */
export function readKeyValueFile(path: string, lookup?: Lookup): string[] {
  const bytes = openText(path)
  try {
    return parseLines(bytes, lookup)
  } catch (error) {
    throw new Error(`invalid env file (${path}): ${(error as Error).message}`)
  }
}

function openText(path: string): Buffer {
  try {
    return readFileSync(path)
  } catch (error) {
    throw new Error(goPathError('open', path, error))
  }
}

/** The way Go prints an error of a file operation. */
export function goPathError(operation: string, path: string, error: unknown): string {
  const reasons: Record<string, string> = {
    ENOENT: 'no such file or directory',
    EACCES: 'permission denied',
    EISDIR: 'is a directory',
    ENOTDIR: 'not a directory',
    EEXIST: 'file exists',
    EROFS: 'read-only file system',
    ENOSPC: 'no space left on device',
  }
  const { code = '', message } = error as NodeJS.ErrnoException
  return `${operation} ${path}: ${reasons[code] ?? message}`
}

function parseLines(bytes: Buffer, lookup?: Lookup): string[] {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  const out: string[] = []
  for (const [index, raw] of splitLines(bytes).entries()) {
    let line: string
    try {
      line = decoder.decode(raw)
    } catch {
      throw new Error(`invalid utf8 bytes at line ${index + 1}: [${[...raw].join(' ')}]`)
    }
    const entry = parseLine(index === 0 ? line.replace(/^\uFEFF/, '') : line, lookup)
    if (entry !== undefined) out.push(entry)
  }
  return out
}

function splitLines(bytes: Buffer): Buffer[] {
  const lines: Buffer[] = []
  for (let start = 0; start < bytes.length;) {
    const newline = bytes.indexOf(10, start)
    const end = newline < 0 ? bytes.length : newline
    lines.push(bytes.subarray(start, bytes[end - 1] === 13 && end > start ? end - 1 : end))
    start = end + 1
  }
  return lines
}

function parseLine(raw: string, lookup?: Lookup): string | undefined {
  const line = raw.trimStart()
  if (line === '' || line.startsWith('#')) return undefined
  const equals = line.indexOf('=')
  const key = equals < 0 ? line : line.slice(0, equals)
  if (key === '') throw new Error(`no variable name on line '${line}'`)
  if (/[ \t]/.test(key)) throw new Error(`variable '${key}' contains whitespaces`)
  if (equals >= 0) return line
  const value = lookup?.(key)
  return value === undefined ? undefined : `${key}=${value}`
}

/** `["a=b", "c"]` → `{ a: 'b', c: '' }`. */
export function toMap(pairs: readonly string[]): Record<string, string> {
  const map: Record<string, string> = {}
  for (const pair of pairs) {
    const equals = pair.indexOf('=')
    map[equals < 0 ? pair : pair.slice(0, equals)] = equals < 0 ? '' : pair.slice(equals + 1)
  }
  return map
}

export function checkLabel(text: string): string {
  const key = (text.split('=', 1)[0] as string).replace(/^[ \t]+/, '')
  if (key === '') throw new Error(`invalid label '${text}': empty name`)
  if (/[ \t]/.test(key)) throw new Error(`label '${key}' contains whitespaces`)
  return text
}
