/** CPU and memory node numbers, as cpuset(7) writes lists of them. */
export type NumberSet = ReadonlySet<number>

/** The kernel's highest NR_CPUS. */
const maximum = 8192

/** '0-2,7' → 0, 1, 2, 7. Throws Error with Docker's sentence. */
export function parseList(text: string): NumberSet {
  const numbers = new Set<number>()
  if (text === '') return numbers
  for (const range of text.split(',')) {
    const [, first = '', last = first] = /^(\d+)(?:-(\d+))?$/.exec(range) ?? []
    if (first === '') throw new Error(`invalid format: ${text}`)
    const [from, to] = [Number(first), Number(last)]
    if (to < from) throw new Error(`invalid format: ${text}`)
    if (to > maximum) throw new Error(`value of out range, maximum is ${maximum}`)
    for (let number = from; number <= to; number++) numbers.add(number)
  }
  return numbers
}

/** 0, 1, 2, 7 → '0-2,7' */
export function formatSet(numbers: NumberSet): string {
  const ranges: Array<[number, number]> = []
  for (const number of [...numbers].toSorted((a, b) => a - b)) {
    const last = ranges.at(-1)
    if (last && last[1] === number - 1) last[1] = number
    else ranges.push([number, number])
  }
  return ranges.map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`)).join(',')
}
