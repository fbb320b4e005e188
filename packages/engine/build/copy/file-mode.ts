/** `--chmod`: octal, or symbolic as chmod(1) has it. */
import { invalidParameter } from '../../base/errors.ts'

export type ChangeMode = (mode: number, isDirectory: boolean) => number

const WHO: Readonly<Record<string, number>> = { u: 0o4700, g: 0o2070, o: 0o0007, a: 0o6777 }
const BITS: Readonly<Record<string, number>> = { r: 0o444, w: 0o222, x: 0o111, s: 0o6000, t: 0o1000 }

/** undefined where nothing was said. Throws invalidParameter. */
export function parseMode(text: string): ChangeMode | undefined {
  if (text === '') return undefined
  if (/^[0-7]{1,5}$/.test(text)) {
    const mode = Number.parseInt(text, 8)
    if (mode <= 0o7777) return () => mode
  }
  const clauses = text.split(',').map(parseClause)
  if (clauses.includes(undefined))
    throw invalidParameter(
      `invalid chmod parameter: '${text}'. it should be octal string and between 0 and 07777`,
    )
  return (mode, isDirectory) =>
    clauses.reduce((current, change) => change!(current, isDirectory), mode)
}

function parseClause(text: string): ChangeMode | undefined {
  const match = /^([ugoa]*)((?:[-+=][rwxXst]*)+)$/.exec(text)
  if (!match) return undefined
  const [, who = '', actions = ''] = match
  const mask = [...(who || 'a')].reduce((bits, letter) => bits | WHO[letter]!, 0) | 0o1000
  const steps = [...actions.matchAll(/([-+=])([rwxXst]*)/g)]
  return (given, isDirectory) => {
    let mode = given
    for (const [, sign, letters = ''] of steps) {
      let bits = 0
      for (const letter of letters) {
        const conditional = isDirectory || (mode & 0o111) !== 0 ? 0o111 : 0
        bits |= letter === 'X' ? conditional : BITS[letter]!
      }
      const own = bits & mask
      if (sign === '+') mode |= own
      else if (sign === '-') mode &= ~own
      else mode = (mode & ~(mask & 0o777)) | own
    }
    return mode
  }
}
