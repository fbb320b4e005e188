const UNITS = [
  ['h', 3_600_000_000_000n],
  ['m', 60_000_000_000n],
] as const

const SECOND_NS = 1_000_000_000n

/** Go's `time.Duration.String`: `1m30s`, `1.5s`, `250ms`, `0s`. */
export function formatDuration(ns: number): string {
  let rest = BigInt(Math.trunc(ns))
  if (rest === 0n) return '0s'
  if (rest < 0n) return `-${formatDuration(-ns)}`
  if (rest < 1_000n) return `${rest}ns`
  if (rest < 1_000_000n) return `${decimal(rest, 1_000n)}µs`
  if (rest < SECOND_NS) return `${decimal(rest, 1_000_000n)}ms`
  let text = ''
  for (const [unit, size] of UNITS) {
    if (text !== '' || rest >= size) text += `${rest / size}${unit}`
    rest %= size
  }
  return `${text}${decimal(rest, SECOND_NS)}s`
}

/** `value / unit` without trailing zeros. */
function decimal(value: bigint, unit: bigint): string {
  const digits = unit.toString().length - 1
  const fraction = (value % unit).toString().padStart(digits, '0').replace(/0+$/, '')
  return fraction === '' ? `${value / unit}` : `${value / unit}.${fraction}`
}
