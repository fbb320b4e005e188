import { readFileSync, realpathSync } from 'node:fs'

export interface MountTable {
  entries: ReadonlyArray<{ point: string; shared: boolean; slave: boolean }>
}

/** The host's mounts, /proc/self/mountinfo. */
export function mountTable(): MountTable {
  return parseMountTable(readFileSync('/proc/self/mountinfo', 'utf8'))
}

export function parseMountTable(text: string): MountTable {
  const entries = text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const fields = line.slice(0, line.indexOf(' - ')).split(' ')
      const optional = fields.slice(6)
      return {
        point: unescaped(fields[4] ?? ''),
        shared: optional.some((field) => field.startsWith('shared:')),
        slave: optional.some((field) => field.startsWith('master:')),
      }
    })
  return { entries }
}

/**
 * Why a bind of `path` can be neither shared nor slave: the mount that it lies in is not
 * (daemon/oci_linux.go: ensureShared). undefined when it can.
 */
export function propagationProblem(
  table: MountTable,
  path: string,
  propagation: string,
): string | undefined {
  const real = realpathSync(path)
  const holders = table.entries.filter(({ point }) => isBelow(real, point))
  const longest = Math.max(...holders.map(({ point }) => point.length))
  // Of several on one another, the last is on top.
  const holder = holders.findLast(({ point }) => point.length === longest)
  if (!holder) return `Can't find mount point of ${path}`
  if (holder.shared) return undefined
  const start = `path ${path} is mounted on ${holder.point} but it is not a shared`
  if (propagation.endsWith('shared')) return `${start} mount`
  return holder.slave ? undefined : `${start} or slave mount`
}

function isBelow(path: string, point: string): boolean {
  return point === '/' || path === point || path.startsWith(`${point}/`)
}

/** proc(5): blanks and backslashes are octal. */
function unescaped(path: string): string {
  return path.replace(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  )
}
