import { randomInt } from 'node:crypto'
import { ADJECTIVES, SURNAMES } from './words.ts'

const ATTEMPTS = 6

/** A free `adjective_surname`; a digit is added after the first clash, the short id after all. */
export function generateName(isFree: (name: string) => boolean, id: string): string {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const stem = `${ADJECTIVES[randomInt(ADJECTIVES.length)]}_${SURNAMES[randomInt(SURNAMES.length)]}`
    const name = attempt === 0 ? stem : `${stem}${randomInt(10)}`
    if (isFree(name)) return name
  }
  return id.slice(0, 12)
}

const VALID = /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/

/** Without the leading slash. */
export function isValidName(name: string): boolean {
  return VALID.test(name)
}
