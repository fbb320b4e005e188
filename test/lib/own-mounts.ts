import { readFileSync } from 'node:fs'

/** The host's mounts whose source, directory or place has one of `words`: others mount meanwhile. */
export function ownMounts(...words: string[]): string[] {
  return readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .filter((line) => words.some((word) => line.includes(word)))
}
