import { invalidParameter, notImplemented } from '../base/errors.ts'

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
      `create ${name}: volume name is too short, names should be at least two alphanumeric characters`,
    )
  if (!NAME.test(name))
    throw invalidParameter(
      `create ${name}: "${name}" includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path`,
    )
}

/**
 * Options of the `local` driver (daemon/volume/local/local_unix.go: validateOpts). Those that ask
 * for a mount are refused: a plain directory in its place would be somebody's data in the wrong place.
 */
export function checkVolumeOptions(name: string, options: Readonly<Record<string, string>>): void {
  const fail = (why: string): never => {
    throw invalidParameter(`create ${name}: ${why}`)
  }
  for (const key of Object.keys(options))
    if (!KNOWN.includes(key)) fail(`invalid option: ${JSON.stringify(key)}`)
  const size = options['size']
  if (size !== undefined) checkSize(size, fail)
  for (const [option, others] of NEEDED) {
    const missing = option in options ? others.find((other) => !(other in options)) : undefined
    if (missing !== undefined) fail(`missing required option: ${JSON.stringify(missing)}`)
  }
  if (options['type'] || options['device'])
    throw notImplemented(
      `create ${name}: the volume options type, device and o are not supported by tdocker yet`,
    )
}

/** Quotas need a file system that has them; as in moby a size of zero asks for nothing. */
function checkSize(text: string, fail: (why: string) => never): void {
  const match = /^(\d+(?:\.\d+)?) ?([kmgtp]?)(?:i?b)?$/i.exec(text)
  if (!match) fail(`invalid size: '${text}'`)
  if (Number(match?.[1]) > 0) fail('quota size requested but no quota support')
}
