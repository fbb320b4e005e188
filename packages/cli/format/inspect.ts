import type { Cli } from '../command/cli.ts'
import { StatusError } from '../command/cli.ts'
import { compactJson, indentJson, parseExact } from './json.ts'
import { zeroOf } from './zero.ts'
import { Template } from './template/template.ts'

/** Fetches one object as the daemon's own text; throws where there is none. */
export type Fetch = (name: string) => Promise<string>

/**
 * Shows objects: as one JSON array in the daemon's own words, or each by a template. What was found
 * is shown even if others were not; their errors end the program with 1.
 */
export async function inspectObjects(
  cli: Cli,
  names: readonly string[],
  format: string,
  fetch: Fetch,
): Promise<void> {
  const template = format === '' || format === 'json' ? undefined : parse(format)
  const found: string[] = []
  const errors: string[] = []
  for (const name of names) {
    try {
      const text = await fetch(name)
      found.push(template ? `${execute(template, text)}\n` : text)
    } catch (error) {
      errors.push((error as Error).message)
    }
  }
  cli.print(template ? found.join('') || '\n' : arrayText(found, format === 'json'))
  if (errors.length > 0) throw new StatusError(1, errors.join('\n'))
}

function parse(format: string): Template {
  try {
    return new Template(format)
  } catch (error) {
    throw new StatusError(64, `template parsing error: ${(error as Error).message}`)
  }
}

function execute(template: Template, text: string): string {
  try {
    return template.execute(parseExact(text), { strict: true, zeroOf })
  } catch (error) {
    throw new Error(`template parsing error: ${(error as Error).message}`)
  }
}

function arrayText(objects: readonly string[], compact: boolean): string {
  if (objects.length === 0) return '[]\n'
  const text = `[${objects.join(',')}]`
  return `${compact ? compactJson(text) : indentJson(text)}\n`
}
