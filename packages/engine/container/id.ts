import { randomId } from '../base/random-id.ts'

/** 64 hex digits whose first 12 are not all decimal, so that no short id reads as a number. */
export function newId(): string {
  for (;;) {
    const id = randomId()
    if (!/^\d{12}/.test(id)) return id
  }
}
