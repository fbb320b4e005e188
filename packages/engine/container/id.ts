import { randomBytes } from 'node:crypto'

/** 64 hex digits whose first 12 are not all decimal, so that no short id reads as a number. */
export function newId(): string {
  for (;;) {
    const id = randomBytes(32).toString('hex')
    if (!/^\d{12}/.test(id)) return id
  }
}
