/** A place in the Dockerfile with the lines around it, and findings as `docker build` prints them. */
import type { Lines, Warning } from './instruction.ts'

const RULE = '-'.repeat(20)

export interface Source {
  /** As it is to be shown: `Dockerfile`. */
  name: string
  text: string
}

/** `Dockerfile:3`, then the lines with some around them, those meant marked with `>>>`. */
export function excerpt({ name, text }: Source, lines: Lines | undefined): string {
  const all = text.split('\n')
  if (!lines || lines.start < 1 || lines.start > all.length) return ''
  const last = Math.min(Math.max(lines.end, lines.start), all.length)
  const shown = around(lines.start, last, all.length)
  const rows = all.slice(shown.start - 1, shown.end).map((line, index) => {
    const number = shown.start + index
    const mark = number >= lines.start && number <= last ? '>>>' : '   '
    return ` ${String(number).padStart(3)} | ${mark} ${line}`
  })
  return [`${name}:${lines.start}`, RULE, ...rows, RULE, ''].join('\n')
}

/** One line gets two on each side where there are as many, several get one. */
function around(first: number, last: number, count: number): Lines {
  let start = first
  let end = last
  const wanted = first === last ? 4 : 2
  for (let added = 0; added < wanted; added++) {
    if (start > 1) {
      start--
      added++
    }
    if (end !== count) {
      end++
      added++
    }
  }
  return { start, end }
}

/** One finding of `--check`. */
export function formatWarning(warning: Warning, source: Source): string {
  const url = warning.url === '' ? '' : ` - ${warning.url}`
  const head = `\nWARNING: ${warning.rule}${url}\n${warning.detail}\n`
  return head + excerpt(source, warning.lines)
}

/** All findings, in the order of their lines. */
export function formatWarnings(warnings: readonly Warning[], source: Source): string {
  return warnings
    .toSorted((a, b) => a.lines.start - b.lines.start)
    .map((warning) => formatWarning(warning, source))
    .join('')
}

/** One finding on one line: `JSONArgsRecommended: … (line 4)`. */
export function shortWarning({ rule, detail, lines }: Warning): string {
  return `${rule}: ${detail}${lines.start > 0 ? ` (line ${lines.start})` : ''}`
}

/** An error of the build and where it happened. */
export function formatError(message: string, source: Source, lines?: Lines): string {
  return `${message}\n${excerpt(source, lines)}`
}

/** What stands at the end of a build that goes on in spite of them; empty for none. */
export function formatSummary(warnings: readonly Warning[]): string {
  if (warnings.length === 0) return ''
  const count = warnings.length === 1 ? '1 warning' : `${warnings.length} warnings`
  const rows = warnings.map((warning) => ` - ${shortWarning(warning)}\n`)
  return `\n ${count} found (use docker --debug to expand):\n${rows.join('')}`
}

export interface CheckResult {
  /** What `docker build --check` writes to standard output. */
  text: string
  /** What it fails with: the error that ended the check before its time. */
  error?: string
  /** 1 when there is anything to tell. */
  status: 0 | 1
}

/** The whole of `--check`. */
export function formatCheck(
  warnings: readonly Warning[],
  source: Source,
  error?: { message: string; lines?: Lines | undefined },
): CheckResult {
  let text = formatWarnings(warnings, source)
  if (text !== '') text = `Check complete, ${found(warnings.length)}\n${text}`
  else if (!error) text = 'Check complete, no warnings found.\n'
  if (error && text !== '') text += '\n'
  return {
    text,
    ...(error && { error: formatError(error.message, source, error.lines) }),
    status: error || warnings.length > 0 ? 1 : 0,
  }
}

function found(count: number): string {
  return count === 1 ? '1 warning has been found!' : `${count} warnings have been found!`
}
