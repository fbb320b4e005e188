/** `os[/arch[/variant]]` of `--platform`. */
export interface Platform {
  readonly architecture: string
  readonly os: string
  readonly variant?: string
}

const COMPONENT = /^[A-Za-z0-9_.-]+$/
const OS_COMPONENT = /^([A-Za-z0-9_-]+)(?:\(([A-Za-z0-9_.-]*)\))?$/

const systems = new Set(['linux', 'windows', 'darwin', 'freebsd'])

const known = new Set(
  '386 amd64 arm arm64 loong64 mips mips64 mips64le mipsle ppc64 ppc64le riscv64 s390x wasm'.split(
    ' ',
  ),
)

const architectures: Readonly<Record<string, readonly [arch: string, variant?: string]>> = {
  x86_64: ['amd64'],
  'x86-64': ['amd64'],
  i386: ['386'],
  aarch64: ['arm64'],
  armhf: ['arm', 'v7'],
  armel: ['arm', 'v6'],
}

/** Parses as containerd's platforms package: a word alone is a system or an architecture. */
export function parsePlatform(text: string): Platform {
  const [first = '', second, third] = checked(text)
  if (
    second === undefined &&
    !systems.has(first) &&
    !known.has(architectures[first]?.[0] ?? first)
  ) {
    throw new Error(
      `invalid platform: "${text}": unknown operating system or architecture: invalid argument`,
    )
  }
  if (second === undefined && systems.has(first)) return normal(first, hostArchitecture(), third)
  return second === undefined ? normal('linux', first) : normal(first, second, third)
}

/** The parts of it; throws in containerd's words. */
function checked(text: string): string[] {
  const fail = (what: string): never => {
    throw new Error(`invalid platform: ${what}: invalid argument`)
  }
  if (text.includes('*')) fail(`"${text}": wildcards not yet supported`)
  const parts = text.split('/')
  for (const [at, part] of parts.entries()) {
    const pattern = at === 0 ? OS_COMPONENT : COMPONENT
    if (pattern.test(part)) continue
    const [kind, rule] =
      at === 0
        ? ['OS component', 'OSAndVersion specifier component']
        : ['component', 'platform specifier component']
    const must = JSON.stringify(pattern.source)
    fail(`"${part}" is an invalid ${kind} of "${text}": ${rule} must match ${must}`)
  }
  if (parts.length > 3) fail(`"${text}": cannot parse platform specifier`)
  return parts.map((part) => part.toLowerCase())
}

function hostArchitecture(): string {
  return process.arch === 'x64' ? 'amd64' : process.arch
}

function normal(os: string, name: string, variant?: string): Platform {
  const [architecture, implied] = architectures[name] ?? [name]
  const given = variant ?? implied
  const isDefault = architecture === 'arm64' && (given === 'v8' || given === '8')
  return { architecture, os, ...(given && !isDefault ? { variant: given } : {}) }
}

/** As `platformQuery`, of a list with commas. */
export function platformQueries(text: string): string[] | undefined {
  return text === ''
    ? undefined
    : text.split(',').map((platform) => JSON.stringify(parsePlatform(platform)))
}

/** The `platform` and `platforms` query parameters. */
export function platformQuery(text: string): string | undefined {
  return text === '' ? undefined : JSON.stringify(parsePlatform(text))
}
