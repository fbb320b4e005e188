/** Words of a command line, a flag and its value each on its own. */
export type Words = readonly string[]

/** `--flag value` where there is a value. */
export function flag(name: string, value: string | number | null | undefined): Words {
  return value === undefined || value === null || value === '' || value === 0
    ? []
    : [name, String(value)]
}

/** A switch; only where it is on. */
export function onFlag(name: string, value: boolean | null | undefined): Words {
  return value ? [name] : []
}

/** `--flag value` for each. */
export function listFlag(name: string, values: readonly string[] | null | undefined): Words {
  return (values ?? []).flatMap((value) => [name, value])
}

/** `--flag key=value` for each. */
export function mapFlag(
  name: string,
  values: Readonly<Record<string, string>> | null | undefined,
  separator = '=',
): Words {
  return Object.entries(values ?? {}).flatMap(([key, value]) => [
    name,
    value === '' ? key : `${key}${separator}${value}`,
  ])
}

/** Fields of a flag that is parsed as CSV. */
export function csv(fields: readonly string[]): string {
  return fields
    .map((field) => (/[",\n]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field))
    .join(',')
}

/** Nanoseconds as the longest unit that loses nothing. */
export function durationText(nanoseconds: number): string {
  if (nanoseconds % 1e9 === 0) return `${nanoseconds / 1e9}s`
  return nanoseconds % 1e6 === 0 ? `${nanoseconds / 1e6}ms` : `${nanoseconds}ns`
}

export function sameList(
  a: readonly string[] | null | undefined,
  b: readonly string[] | null | undefined,
): boolean {
  const [left, right] = [a ?? [], b ?? []]
  return left.length === right.length && left.every((word, i) => word === right[i])
}
