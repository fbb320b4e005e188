/**
 * Key sequences that detach from a container: `ctrl-p,ctrl-q`, `ctrl-@`, `a,b`. Bytes of control
 * keys are those of ASCII.
 */
export const defaultDetachKeys = 'ctrl-p,ctrl-q'

export function parseDetachKeys(keys: string): Buffer {
  return Buffer.from(
    keys.split(',').map((key) => {
      if (key.length === 1) return key.charCodeAt(0)
      const control = /^ctrl-([a-z@[\\\]^_])$/.exec(key)?.[1]
      if (control === undefined) throw new Error(`Unknown character: '${key}'`)
      return control === '@' ? 0 : control.charCodeAt(0) & 0x1f
    }),
  )
}

/** Refuses a sequence that cannot be typed; the empty text stands for the default. */
export function checkDetachKeys(keys: string): void {
  if (keys === '') return
  try {
    parseDetachKeys(keys)
  } catch (error) {
    throw new Error(`invalid detach keys (${keys}): ${(error as Error).message}`)
  }
}

/**
 * Looks for the detach sequence in what the user types. A beginning of it is held back until it is
 * decided, so the process does not see keys that were meant for this program.
 */
export class EscapeFilter {
  private readonly keys: Buffer
  private matched = 0

  constructor(keys: Buffer) {
    this.keys = keys
  }

  /** Bytes to pass on, and whether the sequence is complete (what follows it is dropped). */
  push(chunk: Buffer): { pass: Buffer; detached: boolean } {
    const pass: number[] = []
    for (const byte of chunk) {
      if (byte === this.keys[this.matched]) {
        this.matched += 1
        if (this.matched === this.keys.length) return { pass: Buffer.from(pass), detached: true }
        continue
      }
      pass.push(...this.keys.subarray(0, this.matched))
      this.matched = 0
      if (byte === this.keys[0] && this.keys.length > 1) this.matched = 1
      else pass.push(byte)
    }
    return { pass: Buffer.from(pass), detached: false }
  }
}
