import type { Cli } from '../command/cli.ts'
import { tabulate } from './table.ts'
import { headerFunctions } from './template/functions.ts'
import { Template } from './template/template.ts'
import { asStruct } from './template/value.ts'
import type { Method } from './template/value.ts'

/** One line of a list: what its fields say. Fields are methods, so that only used ones cost. */
export type Row = Readonly<Record<string, Method>>

/** How a list is shown: `table …`, `json`, or a template per line. */
export class RowFormat {
  readonly isTable: boolean
  private readonly template: Template

  constructor(format: string) {
    this.isTable = format.startsWith('table')
    this.template = new Template(templateText(format))
  }

  /** The whole list as text; `headers` are the titles of the columns by field. */
  render(
    rows: readonly Row[],
    headers: Readonly<Record<string, string>>,
    typeName: string,
  ): string {
    const body = rows.map((row) => `${this.line(row, typeName)}\n`).join('')
    if (!this.isTable) return body
    const titles = this.template.execute(headerRow(headers), { functions: headerFunctions })
    return tabulate(`${titles}\n${body}`, { minWidth: 10, padding: 3 })
  }

  private line(row: Row, typeName: string): string {
    try {
      return this.template.execute(asStruct(row), { typeName })
    } catch (error) {
      throw new Error(`template parsing error: ${(error as Error).message}`)
    }
  }
}

function headerRow(headers: Readonly<Record<string, string>>): Record<string, unknown> {
  // `{{.Label "com.example.owner"}}` has the title "owner".
  const label: Method = (name) => String(name).split('.').at(-1)?.replaceAll(/[-_]/g, ' ')
  return { ...headers, Label: label }
}

function templateText(format: string): string {
  if (format === 'json') return '{{json .}}'
  const body = format.startsWith('table') ? format.slice('table'.length) : format
  return body
    .replace(/^ +| +$/g, '')
    .replaceAll('\\t', '\t')
    .replaceAll('\\n', '\n')
}

/** Parses a format given by the user, so that a broken one is refused before the request. */
export function parseFormat(format: string): RowFormat {
  try {
    return new RowFormat(format)
  } catch (error) {
    throw new Error(`failed to parse template: ${(error as Error).message}`)
  }
}

export function warnQuiet(cli: Cli): void {
  cli.printError('WARNING: Ignoring custom format, because both --format and --quiet are set.\n')
}

/** First twelve digits of an ID, without the digest's algorithm. */
export function shortId(id: string): string {
  return id.replace(/^[^:]*:/, '').slice(0, 12)
}

/** Cuts text to `width` columns, the last one an ellipsis. */
export function ellipsis(text: string, width: number): string {
  const chars = [...text]
  return chars.length <= width ? text : `${chars.slice(0, width - 1).join('')}…`
}
