/** Platforms (image-spec image-index.md) with the spellings that users and images use. */
export interface Platform {
  os: string
  architecture: string
  variant?: string
  'os.version'?: string
  'os.features'?: string[]
}

export class InvalidPlatform extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'InvalidPlatform'
  }
}

const COMPONENT = /^[A-Za-z0-9_.-]+$/
const OS_COMPONENT = /^([A-Za-z0-9_-]+)(?:\(([A-Za-z0-9_.%-]*)[^)]*\))?$/
const KNOWN_OS = new Set(
  'aix android darwin dragonfly freebsd hurd illumos ios js linux nacl netbsd openbsd plan9 solaris windows zos'.split(
    ' ',
  ),
)
const KNOWN_ARCHITECTURE = new Set(
  '386 amd64 amd64p32 arm armbe arm64 arm64be ppc64 ppc64le loong64 mips mipsle mips64 mips64le mips64p32 mips64p32le ppc riscv riscv64 s390 s390x sparc sparc64 wasm'.split(
    ' ',
  ),
)
const NODE_TO_OCI: Readonly<Record<string, string>> = {
  x64: 'amd64',
  ia32: '386',
  ppc64: 'ppc64le',
}

/** The platform that this machine runs. */
export function hostPlatform(): Platform {
  return normalizePlatform({
    os: 'linux',
    architecture: NODE_TO_OCI[process.arch] ?? process.arch,
  })
}

/** `linux/arm/v7`, `linux/amd64`, `arm64`, `linux`. Spellings are normalised (x86_64 → amd64). */
export function parsePlatform(text: string): Platform {
  if (text.includes('*')) fail(`"${text}": wildcards not yet supported`)
  const [first = '', second, third, ...more] = text.split('/')
  const head = OS_COMPONENT.exec(first)
  if (head === null) {
    fail(`"${first}" is an invalid OS component of "${text}"`)
  }
  for (const part of [second, third, ...more]) {
    if (part !== undefined && !COMPONENT.test(part)) {
      fail(
        `"${part}" is an invalid component of "${text}": platform specifier component must match "${COMPONENT.source}"`,
      )
    }
  }
  if (more.length > 0) fail(`"${text}": cannot parse platform specifier`)
  const osVersion = head[2] === undefined || head[2] === '' ? {} : { 'os.version': head[2] }
  const os = normalizeOs(head[1] ?? '')
  if (second === undefined) return { ...parseSingle(text, os), ...osVersion }
  return { ...withArchitecture(os, second, third), ...osVersion }
}

function parseSingle(text: string, os: string): Platform {
  if (KNOWN_OS.has(os)) return { ...hostPlatform(), os }
  const platform = withArchitecture('linux', text, undefined)
  if (!KNOWN_ARCHITECTURE.has(platform.architecture)) {
    fail(`"${text}": unknown operating system or architecture`)
  }
  return platform
}

function withArchitecture(os: string, architecture: string, variant: string | undefined): Platform {
  const normal = normalizeArchitecture(architecture, variant ?? '')
  return platformOf(os, normal.architecture, normal.variant)
}

function platformOf(os: string, architecture: string, variant: string): Platform {
  return variant === '' ? { os, architecture } : { os, architecture, variant }
}

function fail(message: string): never {
  throw new InvalidPlatform(`${message}: invalid argument`)
}

function normalizeOs(os: string): string {
  const lower = os.toLowerCase()
  if (lower === '') return 'linux'
  return lower === 'macos' ? 'darwin' : lower
}

function normalizeArchitecture(
  architecture: string,
  variant: string,
): { architecture: string; variant: string } {
  const arch = architecture.toLowerCase()
  const v = variant.toLowerCase()
  switch (arch) {
    case 'i386':
      return { architecture: '386', variant: '' }
    case 'x86_64':
    case 'x86-64':
    case 'amd64':
      return { architecture: 'amd64', variant: v === 'v1' ? '' : v }
    case 'aarch64':
    case 'arm64':
      return { architecture: 'arm64', variant: arm64Variant(v) }
    case 'armhf':
      return { architecture: 'arm', variant: 'v7' }
    case 'armel':
      return { architecture: 'arm', variant: 'v6' }
    case 'arm':
      return { architecture: 'arm', variant: v === '' ? 'v7' : /^[5-8]$/.test(v) ? `v${v}` : v }
    default:
      return { architecture: arch, variant: v }
  }
}

function arm64Variant(variant: string): string {
  if (['8', 'v8', 'v8.0', '8.0'].includes(variant)) return ''
  return ['9', '9.0', 'v9.0'].includes(variant) ? 'v9' : variant
}

/** One spelling for what means the same: `v8` of arm64 and `v1` of amd64 are dropped, arm gets v7. */
export function normalizePlatform(platform: Platform): Platform {
  const { architecture, variant } = normalizeArchitecture(
    platform.architecture,
    platform.variant ?? '',
  )
  return {
    ...platformOf(normalizeOs(platform.os), architecture, variant),
    ...(platform['os.version'] !== undefined && { 'os.version': platform['os.version'] }),
    ...(platform['os.features'] !== undefined && { 'os.features': platform['os.features'] }),
  }
}

/** `linux/arm/v7` */
export function formatPlatform(platform: Platform): string {
  if (platform.os === '') return 'unknown'
  const version = platform['os.version']
  const os = version === undefined || version === '' ? platform.os : `${platform.os}(${version})`
  return [os, platform.architecture, platform.variant ?? ''].filter((part) => part !== '').join('/')
}

/**
 * How well `candidate` runs where `wanted` is asked for: 0 is exact, higher is an older variant or the
 * 32-bit kin, undefined is not at all.
 */
export function platformRank(wanted: Platform, candidate: Platform): number | undefined {
  const target = normalizePlatform(candidate)
  const rank = runnable(normalizePlatform(wanted)).findIndex(
    (p) =>
      p.os === target.os &&
      p.architecture === target.architecture &&
      (p.variant ?? '') === (target.variant ?? ''),
  )
  return rank === -1 ? undefined : rank
}

/** What can run on a platform, best first. */
function runnable(platform: Platform): Platform[] {
  const { os, architecture, variant = '' } = platform
  switch (architecture) {
    case 'amd64': {
      const levels = descending(architecture, os, variant, 2)
      return [...levels, { os, architecture }, { os, architecture: '386' }]
    }
    case 'arm':
      return descending(architecture, os, variant, 5)
    case 'arm64':
      return [...arm64Levels(os, variant), { os, architecture }, ...descending('arm', os, 'v8', 5)]
    default:
      return [platform]
  }
}

function descending(architecture: string, os: string, variant: string, lowest: number): Platform[] {
  const level = Number(/^v(\d+)$/.exec(variant)?.[1] ?? NaN)
  if (Number.isNaN(level)) return variant === '' ? [] : [{ os, architecture, variant }]
  const platforms: Platform[] = []
  for (let v = level; v >= lowest; v--) platforms.push({ os, architecture, variant: `v${v}` })
  return platforms
}

/** Armv9.N runs what Armv8.(N+5) runs. */
function arm64Levels(os: string, variant: string): Platform[] {
  const match = /^v([89])(?:\.(\d))?$/.exec(variant)
  if (match === null) return []
  const minor = Number(match[2] ?? 0)
  const names: string[] = []
  if (match[1] === '9') for (let m = minor; m >= 0; m--) names.push(m === 0 ? 'v9' : `v9.${m}`)
  const eight = match[1] === '9' ? minor + 5 : minor
  for (let m = eight; m > 0; m--) names.push(`v8.${m}`)
  return names.map((name) => ({ os, architecture: 'arm64', variant: name }))
}

/**
 * Whether an image of `candidate` answers a wish for `wanted`. Image configs often lack the variant,
 * so one without is taken by operating system and architecture alone.
 */
export function platformMatches(wanted: Platform, candidate: Platform): boolean {
  if (platformRank(wanted, candidate) !== undefined) return true
  if ((candidate.variant ?? '') !== '') return false
  const a = normalizePlatform(wanted)
  const b = normalizePlatform(candidate)
  return a.os === b.os && a.architecture === b.architecture
}
