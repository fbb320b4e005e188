import { invalidParameter } from '../base/errors.ts'

/** The driver of volumes that lie here. */
export const LOCAL = 'local'

type Options = Readonly<Record<string, string>>

const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/
const KNOWN = ['type', 'o', 'device', 'size']
const NEEDED: ReadonlyArray<[option: string, others: readonly string[]]> = [
  ['device', ['type']],
  ['type', ['device']],
  ['o', ['device', 'type']],
]

/** Throws invalidParameter in moby's words (daemon/volume/local/local.go: validateName). */
export function checkVolumeName(name: string): void {
  if (name.length === 1)
    throw invalidParameter(
      'volume name is too short, names should be at least two alphanumeric characters',
    )
  if (!NAME.test(name))
    throw invalidParameter(
      `"${name}" includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path`,
    )
}

/** Options of the driver `local` (daemon/volume/local/local_unix.go: validateOpts). */
export async function checkVolumeOptions(
  options: Options,
  quota: { check(): Promise<void> },
): Promise<void> {
  for (const key of Object.keys(options))
    if (!KNOWN.includes(key)) throw invalidParameter(`invalid option: ${JSON.stringify(key)}`)
  if (options['type'] === 'cifs' && /^[^/]*\/\/[^/]*:\d+(\/|$)/.test(options['device'] ?? ''))
    throw invalidParameter("port not allowed in CIFS device URL, include 'port' in 'o='")
  if (sizeOf(options) > 0) await quota.check()
  for (const [option, others] of NEEDED) {
    const missing = option in options ? others.find((other) => !(other in options)) : undefined
    if (missing !== undefined)
      throw invalidParameter(`missing required option: ${JSON.stringify(missing)}`)
  }
}

/** Whether something is to be mounted on its directory while it is used. */
export function needsMount(options: Options): boolean {
  return Boolean(options['type']) || Boolean(options['device'])
}

const UNITS = 'bkmgtp'

/** Bytes, 0 for no limit. Throws invalidParameter for what is no size. */
export function sizeOf(options: Options): number {
  const text = options['size']
  if (text === undefined) return 0
  const match = /^(\d+(?:\.\d+)?) ?([kmgtp]?)(?:i?b)?$/i.exec(text)
  if (!match) throw invalidParameter(`invalid size: '${text}'`)
  const unit = UNITS.indexOf(match[2]?.toLowerCase() || 'b')
  return Math.floor(Number(match[1]) * 1024 ** unit)
}
