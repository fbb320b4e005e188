import { randomBytes } from 'node:crypto'
import { renameSync } from 'node:fs'

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
  await remove(aside)
}
