/**
 * Pieces of blobs live for a moment and lie outside V8's heap, which looks at them only when some
 * 64 MB of them have gathered. That is most of what a pull takes, so it is asked to look earlier.
 */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** A collection of the young generation takes about a millisecond. */
const EVERY = 8 * 1024 * 1024

let passed = 0
let collect: ((o: { type: 'minor' }) => void) | undefined

/** Call with the size of buffers that will be let go of soon. */
export function noteTransient(bytes: number): void {
  passed += bytes
  if (passed < EVERY) return
  passed = 0
  collect ??= exposed()
  collect({ type: 'minor' })
}

function exposed(): (o: { type: 'minor' }) => void {
  setFlagsFromString('--expose-gc')
  const found = runInNewContext('gc') as (o: { type: 'minor' }) => void
  setFlagsFromString('--no-expose-gc')
  return found
}
