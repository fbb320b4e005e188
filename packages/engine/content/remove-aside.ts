import { randomBytes } from 'node:crypto'
import { renameSync } from 'node:fs'

const underWay = new Set<string>()

/** Whether a path is one that `removeAside` made and is about to remove. */
export function isBeingRemoved(path: string): boolean {
  return underWay.has(path)
}

/**
 * Takes a name away in this turn and removes what had it after: whoever makes a new one of that name
 * meanwhile loses nothing. What a crash leaves has no row, as before.
 */
export async function removeAside(
  path: string,
  remove: (aside: string) => Promise<void>,
): Promise<void> {
  const aside = `${path}.removed-${randomBytes(6).toString('hex')}`
  try {
    renameSync(path, aside)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return
    throw error
  }
  underWay.add(aside)
  try {
    await remove(aside)
  } finally {
    underWay.delete(aside)
  }
}
