/** Wildcards of one path element (Go's filepath.Match), and of `--exclude`, where `**` spans several. */
import { invalidParameter } from '../../base/errors.ts'

const compiled = new Map<string, RegExp>()
const MAX_COMPILED = 500

/** Throws invalidParameter for a malformed pattern. */
export function matchesName(pattern: string, name: string): boolean {
  return regexOf(pattern).test(name)
}

/** Whether a path, relative to what is copied, or a directory above it is excluded. */
export function isExcluded(patterns: readonly string[], path: string): boolean {
  const parts = path.split('/').filter(Boolean)
  return patterns.some((pattern) =>
    parts.some((_, at) => regexOf(clean(pattern)).test(parts.slice(0, at + 1).join('/'))),
  )
}

function clean(pattern: string): string {
  return pattern.replace(/^\/+|\/+$/g, '')
}

function regexOf(pattern: string): RegExp {
  const known = compiled.get(pattern)
  if (known) return known
  if (compiled.size >= MAX_COMPILED) compiled.clear()
  const made = compile(pattern)
  compiled.set(pattern, made)
  return made
}

function compile(pattern: string): RegExp {
  let source = ''
  for (let at = 0; at < pattern.length; at++) {
    const letter = pattern[at]!
    if (letter === '*') {
      if (pattern[at + 1] !== '*') {
        if (!source.endsWith('[^/]*')) source += '[^/]*'
        continue
      }
      at++
      if (pattern[at + 1] === '/') {
        at++
        source += '(?:.*/)?'
      } else source += '.*'
    } else if (letter === '?') source += '[^/]'
    else if (letter === '[') {
      const end = pattern.indexOf(']', at + 2)
      if (end < 0) throw syntaxError(pattern)
      const body = pattern.slice(at + 1, end).replace(/[[\]^]/g, (c, i: number) => (c === '^' && i === 0 ? c : `\\${c}`))
      source += `(?!/)[${body}]`
      at = end
    } else if (letter === '\\') {
      if (++at >= pattern.length) throw syntaxError(pattern)
      source += escaped(pattern[at]!)
    } else source += escaped(letter)
  }
  try {
    return new RegExp(`^${source}$`, 's')
  } catch {
    throw syntaxError(pattern)
  }
}

function escaped(letter: string): string {
  return letter.replace(/[.*+?^${}()|[\]\\/-]/g, '\\$&')
}

function syntaxError(pattern: string): Error {
  return invalidParameter(`COPY failed: syntax error in pattern: ${pattern}`)
}
