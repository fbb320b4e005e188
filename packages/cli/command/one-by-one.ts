import type { Cli } from './cli.ts'

/** Runs one operation on each name in turn; names that went well are printed, errors at the end. */
export async function oneByOne(
  cli: Cli,
  names: readonly string[],
  operation: (name: string) => Promise<unknown>,
): Promise<void> {
  const errors: string[] = []
  for (const name of names) {
    try {
      await operation(name)
      cli.print(`${name}\n`)
    } catch (error) {
      errors.push((error as Error).message)
    }
  }
  if (errors.length > 0) throw new Error(errors.join('\n'))
}
