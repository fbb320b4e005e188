import { type CgroupFs, isErrno, limitError, RefusedLimit } from './fs.ts'
import { readIfThere } from './tree.ts'

/** A value for one file of a group that is in use. */
export interface Change {
  /** Full path. */
  file: string
  value: string
}

/**
 * Writes changes in order; answers what puts the old values back, latest first. When one is
 * refused, those before it are put back at once.
 */
export async function change(
  fs: CgroupFs,
  changes: readonly Change[],
): Promise<() => Promise<void>> {
  const before: Change[] = []
  const undo = async (): Promise<void> => {
    for (const one of before.splice(0).toReversed()) await fs.writeAside(one.file, one.value)
  }
  const left = [...changes]
  try {
    for (let one = left.shift(); one; one = left.shift()) {
      const old = readIfThere(fs, one.file)
      if (!(await write(fs, one, left))) left.push(one)
      else if (old !== undefined) before.push({ file: one.file, value: oldValue(one, old) })
    }
  } catch (error) {
    await undo().catch(() => undefined)
    throw error
  }
  return undo
}

/** False when it is to be tried once more at the end. */
async function write(fs: CgroupFs, one: Change, left: readonly Change[]): Promise<boolean> {
  try {
    await fs.writeAside(one.file, one.value)
    return true
  } catch (error) {
    // A shorter period with the old quota may exceed the parent's share: after the new quota.
    const early =
      one.file.endsWith('/cpu.cfs_period_us') &&
      left.some(({ file }) => file.endsWith('/cpu.cfs_quota_us'))
    if (early && isErrno(error, 'EINVAL')) return false
    throw memoryInUse(fs, one, error) ?? limitError(error, one.file, one.value)
  }
}

/** v1 refuses a limit below what cannot be reclaimed; runc's words. */
function memoryInUse(fs: CgroupFs, { file, value }: Change, error: unknown): Error | undefined {
  if (!file.endsWith('/memory.limit_in_bytes') || !isErrno(error, 'EBUSY')) return undefined
  const read = (name: string): string =>
    readIfThere(fs, file.replace('limit_in_bytes', name))?.trim() ?? '?'
  const [usage, peak] = [read('usage_in_bytes'), read('max_usage_in_bytes')]
  const message = `unable to set memory limit to ${value} (current usage: ${usage}, peak usage: ${peak})`
  return new RefusedLimit({ code: 'EBUSY', errno: 16, path: file, message })
}

/** What to write so that a file says again what it said. */
function oldValue(one: Change, text: string): string {
  const name = one.file.slice(one.file.lastIndexOf('/') + 1)
  const device = /^\d+:\d+(?= )/.exec(one.value)?.[0]
  if (device === undefined) {
    // Of files with a line for each device the first is for all others.
    const first = text.split('\n')[0]?.trim() ?? ''
    return first === '' ? '\n' : first
  }
  const line = text.split('\n').find((entry) => entry.startsWith(`${device} `))
  return line?.trim() ?? `${device} ${unset(name)}`
}

function unset(name: string): string {
  if (name === 'io.max') return 'rbps=max wbps=max riops=max wiops=max'
  return name.endsWith('weight') ? 'default' : '0'
}
