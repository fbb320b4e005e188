/** `COPY --from`: which stages are needed is known before any variable is. */
import { invalidParameter } from '../../base/errors.ts'
import { expandWord } from '../dockerfile/words.ts'

/** The name itself. Throws invalidParameter in BuildKit's words when it holds a variable. */
export function plainFrom(from: string): string {
  if (isPlain(from)) return from
  throw invalidParameter(
    'variable expansion is not supported for --from, ' +
      'define a new stage with FROM using ARG from global scope as a workaround',
  )
}

function isPlain(from: string): boolean {
  try {
    return expandWord(from, new Map()).text === from
  } catch (error) {
    throw invalidParameter((error as Error).message, error)
  }
}
