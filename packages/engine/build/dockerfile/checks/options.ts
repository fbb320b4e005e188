/** `# check=skip=Rule,…;error=true;experimental=all`, in the file's head or above an instruction. */
import { DirectiveReader } from '../directives.ts'
import { cut, quote, trimSpace } from '../go-text.ts'
import { findBool } from '../go-values.ts'
import type { CheckOptions } from '../instruction.ts'

export const NO_OPTIONS: CheckOptions = {
  skip: [],
  skipAll: false,
  experimental: [],
  experimentalAll: false,
  error: false,
}

/** Throws a plain Error in BuildKit's words. */
export function parseCheckOptions(text: string): CheckOptions {
  let options = NO_OPTIONS
  const trimmed = trimSpace(text)
  if (trimmed === '') return options
  for (const part of splitAtMost(trimmed, ';', 3)) {
    const { before, after } = cut(part, '=')
    if (after === undefined) throw new Error(`invalid check option ${quote(part)}`)
    options = { ...options, ...parseOption(trimSpace(before), trimSpace(after), part) }
  }
  return options
}

function parseOption(key: string, value: string, part: string): Partial<CheckOptions> {
  switch (key) {
    case 'skip':
      return value === 'all' ? { skipAll: true } : { skip: value.split(',').map(trimSpace) }
    case 'experimental':
      return value === 'all'
        ? { experimentalAll: true }
        : { experimental: value.split(',').map(trimSpace) }
    case 'error': {
      const error = findBool(value)
      if (error !== undefined) return { error }
      throw new Error(
        `failed to parse check option ${quote(part)}: ` +
          `strconv.ParseBool: parsing ${quote(value)}: invalid syntax`,
      )
    }
    default:
      throw new Error(`invalid check option ${quote(key)}`)
  }
}

function splitAtMost(text: string, separator: string, most: number): string[] {
  const parts = text.split(separator)
  return [...parts.slice(0, most - 1), parts.slice(most - 1).join(separator)].slice(0, parts.length)
}

/** The first `check=` among the comments above an instruction; a broken one counts for nothing. */
export function checkOfComments(comments: readonly string[]): CheckOptions | undefined {
  for (const comment of comments) {
    const directive = new DirectiveReader('').read(comment)
    if (directive?.name !== 'check') continue
    try {
      return parseCheckOptions(cut(directive.value, ' ').before)
    } catch {
      return undefined
    }
  }
  return undefined
}
