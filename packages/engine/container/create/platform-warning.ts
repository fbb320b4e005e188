import { readFileSync } from 'node:fs'
import type { ImageConfig } from '@tdocker/oci'
import { hostPlatform } from '@tdocker/oci/platform.ts'

/** What runs on a CPU besides its own architecture. */
const FALLBACKS: Readonly<Record<string, readonly string[]>> = { amd64: ['386'], arm64: ['arm'] }

/** moby's warning of an image for other machines, where the client did not ask for it by name. */
export function platformWarning(image: ImageConfig): string | undefined {
  const host = hostPlatform()
  const { os = 'linux', architecture = host.architecture } = image
  const runs = [host.architecture, ...(FALLBACKS[host.architecture] ?? [])]
  if (os === 'linux' && runs.includes(architecture)) return undefined
  const wanted = format(os, architecture, image.variant)
  const here = format('linux', host.architecture, variantOf(host.architecture) ?? host.variant)
  return `The requested image's platform (${wanted}) does not match the detected host platform (${here}) and no specific platform was requested`
}

function format(os: string, architecture: string, variant: string | undefined): string {
  return [os, architecture, ...(variant ? [variant] : [])].join('/')
}

/** x86-64 psABI: the level of this CPU. Later levels need what the earlier ones do. */
const LEVELS: ReadonlyArray<readonly [level: string, flags: string]> = [
  ['v2', 'cx16 lahf_lm popcnt sse4_1 sse4_2 ssse3'],
  ['v3', 'avx avx2 bmi1 bmi2 f16c fma abm movbe xsave'],
  ['v4', 'avx512f avx512bw avx512cd avx512dq avx512vl'],
]

function variantOf(architecture: string): string | undefined {
  if (architecture !== 'amd64') return undefined
  const line = /^flags\s*:(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1] ?? ''
  const has = new Set(line.trim().split(' '))
  let variant = 'v1'
  for (const [level, flags] of LEVELS) {
    if (!flags.split(' ').every((flag) => has.has(flag))) break
    variant = level
  }
  return variant
}
