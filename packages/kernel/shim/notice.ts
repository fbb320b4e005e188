import type { ExitRecord, ShimNotice } from './plan.ts'

/**
 * One line of a notify pipe; undefined for one that this version does not know.
 * The stage of a failure may hold spaces; the errno is the last word.
 */
export function parseNotice(line: string): ShimNotice | undefined {
  const words = line.split(' ')
  const [kind = '', first = ''] = words
  if (kind === 'started') return { kind, pid: integer(first) }
  if (kind === 'detached' || kind === 'rotated') return { kind }
  if (kind === 'exited') return { kind, exit: parseExit(words.slice(1)) }
  if (kind !== 'failed' || words.length < 3) return undefined
  return { kind, stage: words.slice(1, -1).join(' '), errno: integer(words.at(-1)) }
}

/** The exit record's text: its version, then code, signal and nanoseconds since the epoch. */
export function parseExitRecord(text: string): ExitRecord {
  const [version, ...words] = text.trimEnd().split(' ')
  if (version !== '1') throw new RangeError(`exit record of version ${version}`)
  return parseExit(words)
}

function parseExit([code, signal, finished = '']: readonly string[]): ExitRecord {
  if (!/^\d+$/.test(finished)) throw new RangeError(`time in an exit record: ${finished}`)
  return { exitCode: integer(code), signal: integer(signal), finishedAtNs: BigInt(finished) }
}

function integer(word: string | undefined): number {
  const number = Number(word)
  if (word === undefined || word === '' || !Number.isSafeInteger(number))
    throw new RangeError(`number in a shim's message: ${word}`)
  return number
}

/** Cuts a stream of bytes into lines; what is unfinished waits for the next chunk. */
export class LineBuffer {
  #rest = ''

  push(chunk: Uint8Array): string[] {
    const lines = (this.#rest + Buffer.from(chunk).toString('utf8')).split('\n')
    this.#rest = lines.pop() ?? ''
    return lines
  }
}
