import { resolve } from 'node:path'

/** What `-v` values are: binds for the host config, or anonymous volumes (a path alone). */
export interface VolumeArguments {
  readonly binds: string[]
  readonly anonymous: string[]
}

/** Sorts `-v` values; `./x:/y` is made absolute because the daemon has another working directory. */
export function parseVolumes(specs: readonly string[]): VolumeArguments {
  const binds: string[] = []
  const anonymous: string[] = []
  for (const spec of new Set(specs)) {
    const source = sourceOf(spec)
    if (source === undefined) anonymous.push(spec)
    else if (source.startsWith('.')) binds.push(resolve(source) + spec.slice(source.length))
    else binds.push(spec)
  }
  return { binds, anonymous }
}

function sourceOf(spec: string): string | undefined {
  if (spec === '') throw new Error('invalid empty volume spec')
  if (spec.length <= 2) return undefined
  const parts = spec.split(':')
  if (parts.includes('')) throw new Error(`invalid spec: ${spec}: empty section between colons`)
  if (parts.length > 3) throw new Error(`invalid spec: ${spec}: too many colons`)
  return parts.length === 1 ? undefined : parts[0]
}
