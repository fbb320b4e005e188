/** Wildcards of one path element: Go's filepath.Match. */
import { invalidParameter } from '../../base/errors.ts'

const compiled = new Map<string, RegExp>()
const MAX_COMPILED = 500

/** Throws invalidParameter for a malformed pattern. */
export function matchesName(pattern: string, name: string): boolean {
  return regexOf(pattern).test(name)
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
      if (!source.endsWith('[^/]*')) source += '[^/]*'
    } else if (letter === '?') source += '[^/]'
    else if (letter === '[') {
      const end = pattern.indexOf(']', at + 2)
      if (end < 0) throw syntaxError(pattern)
      const body = pattern
        .slice(at + 1, end)
        .replace(/[[\]^]/g, (c, i: number) => (c === '^' && i === 0 ? c : `\\${c}`))
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
