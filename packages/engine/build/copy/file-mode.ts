/** `--chmod`: octal, or symbolic as chmod(1) has it, without a umask. */
import { invalidParameter } from '../../base/errors.ts'

export interface FileMode {
  of(mode: number, isDirectory: boolean): number
  /** Of directories that are made on the way. */
  made: number
}

type Change = (mode: number, isDirectory: boolean) => number

const SHIFT: Readonly<Record<string, number>> = { u: 6, g: 3, o: 0 }
const SPECIAL: Readonly<Record<string, number>> = { u: 0o4000, g: 0o2000, o: 0 }
const STICKY = 0o1000

/** undefined where nothing was said. Throws invalidParameter. */
export function parseMode(text: string): FileMode | undefined {
  if (text === '') return undefined
  if (/^[0-7]+$/.test(text)) {
    const mode = Number.parseInt(text, 8)
    if (mode <= 0o7777) return { of: () => mode, made: mode }
  }
  const clauses = text.split(',').map(parseClause)
  if (clauses.includes(undefined))
    throw invalidParameter(
      `invalid chmod parameter: '${text}'. it should be octal string and between 0 and 07777`,
    )
  const of: Change = (mode, isDirectory) =>
    clauses.reduce((current, change) => change!(current, isDirectory), mode)
  return { of, made: 0o755 }
}

function parseClause(text: string): Change | undefined {
  const match = /^([ugoa]*)((?:[-+=](?:[ugo]|[rwxXst]*))+)$/.exec(text)
  if (!match) return undefined
  const [, who = '', actions = ''] = match
  const classes = who === '' || who.includes('a') ? ['u', 'g', 'o'] : [...new Set(who)]
  const sticky = who === '' || who.includes('a') || who.includes('o')
  const steps = [...actions.matchAll(/([-+=])([ugo]|[rwxXst]*)/g)]
  return (given, isDirectory) => {
    let mode = given
    for (const [, sign, what = ''] of steps) {
      const bits = bitsOf(what, classes, { mode, sticky, isDirectory })
      const cleared = classes.reduce((all, each) => all | (7 << SHIFT[each]!) | SPECIAL[each]!, 0)
      if (sign === '+') mode |= bits
      else if (sign === '-') mode &= ~bits
      else mode = (mode & ~(cleared | (sticky ? STICKY : 0))) | bits
    }
    return mode
  }
}

function bitsOf(
  what: string,
  classes: readonly string[],
  o: { mode: number; sticky: boolean; isDirectory: boolean },
): number {
  const copied = SHIFT[what]
  let each = copied === undefined ? 0 : (o.mode >> copied) & 7
  if (what.includes('r')) each |= 4
  if (what.includes('w')) each |= 2
  if (what.includes('x')) each |= 1
  if (what.includes('X') && (o.isDirectory || (o.mode & 0o111) !== 0)) each |= 1
  let bits = 0
  for (const one of classes) {
    bits |= each << SHIFT[one]!
    if (what.includes('s')) bits |= SPECIAL[one]!
  }
  return what.includes('t') && o.sticky ? bits | STICKY : bits
}
