/** `os[/arch[/variant]]` of `--platform`. */
export interface Platform {
  readonly architecture: string
  readonly os: string
  readonly variant?: string
}

const systems = new Set(['linux', 'windows', 'darwin', 'freebsd'])

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
  const parts = text.toLowerCase().split('/')
  if (parts.length > 3 || parts.some((part) => !/^[a-z0-9_.-]+$/.test(part))) {
    throw new Error(`invalid platform: "${text}" is an invalid OS component`)
  }
  const [first = '', second, third] = parts
  if (second === undefined && systems.has(first)) return normal(first, hostArchitecture(), third)
  return second === undefined ? normal('linux', first) : normal(first, second, third)
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

/** The `platform` and `platforms` query parameters. */
export function platformQuery(text: string): string | undefined {
  return text === '' ? undefined : JSON.stringify(parsePlatform(text))
}
