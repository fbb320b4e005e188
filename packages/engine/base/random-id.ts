import { randomFillSync } from 'node:crypto'

const BYTES = 32
/** Filled at once: asking the generator costs more than what it gives. */
const pool = Buffer.alloc(64 * BYTES)
let used = pool.length

/** 64 random hex digits. */
export function randomId(): string {
  if (used === pool.length) {
    randomFillSync(pool)
    used = 0
  }
  used += BYTES
  return pool.toString('hex', used - BYTES, used)
}
