import type { Flag, FlagSet } from './flag-set.ts'

/**
 * The "Options:" block of a help page: flags sorted by name in two columns, the right one wrapped
 * at `width` columns with the left one's indentation, as pflag lays it out.
 */
export function flagUsages(flags: FlagSet, width: number): string {
  const shown = [...flags.flags]
    .filter(([name, flag]) => !flag.spec.hidden && name === flag.spec.name)
    .map(([, flag]) => flag)
    .sort((a, b) => (a.spec.name < b.spec.name ? -1 : 1))
  const left = shown.map(leftColumn)
  const indent = Math.max(0, ...left.map((text) => text.length)) + 3
  return shown
    .map((flag, i) => {
      const cell = (left[i] as string).padEnd(indent)
      return `${cell}${wrap(indent, width, rightColumn(flag))}\n`
    })
    .join('')
}

function leftColumn(flag: Flag<unknown>): string {
  const { name, shorthand, type } = flag.spec
  const start = shorthand ? `  -${shorthand}, --${name}` : `      --${name}`
  return type ? `${start} ${type}` : start
}

function rightColumn(flag: Flag<unknown>): string {
  const { usage, defaultText } = flag.spec
  return defaultText === undefined ? usage : `${usage} (default ${defaultText})`
}

/** A line may overhang by this much before it is broken: avoids orphans of a few letters. */
const slop = 5

function wrap(indent: number, width: number, text: string): string {
  let lead = ''
  let margin = indent
  if (width - margin < 24) {
    margin = 16
    lead = `\n${' '.repeat(margin)}`
  }
  const room = width - margin - slop
  const pad = `\n${' '.repeat(margin)}`
  const lines: string[] = []
  for (let rest = text; rest !== '' || lines.length === 0;) {
    const [line, tail] = breakLine(room, rest)
    lines.push(line.replaceAll('\n', pad))
    rest = tail
  }
  return lead + lines.join(pad)
}

function breakLine(room: number, text: string): [string, string] {
  if (room + slop > text.length) return [text, '']
  const head = text.slice(0, room)
  const space = Math.max(head.lastIndexOf(' '), head.lastIndexOf('\t'), head.lastIndexOf('\n'))
  if (space <= 0) return [text, '']
  const newline = head.lastIndexOf('\n')
  const at = newline > 0 && newline < space ? newline : space
  return [text.slice(0, at), text.slice(at + 1)]
}
