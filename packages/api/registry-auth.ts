/** `X-Registry-Auth`: base64url of a JSON AuthConfig, padded or not. */
import type { AuthConfig } from './schema/system.ts'

export const registryAuthHeader = 'x-registry-auth'

/** Undefined for what is absent, empty or not readable: a pull without credentials is tried then. */
export function decodeRegistryAuth(header: string | undefined): AuthConfig | undefined {
  if (!header) return undefined
  try {
    const value: unknown = JSON.parse(Buffer.from(header, 'base64url').toString('utf8'))
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
    const config = pick(value)
    return Object.keys(config).length === 0 ? undefined : config
  } catch {
    return undefined
  }
}

/** With padding, which older daemons insist on. */
export function encodeRegistryAuth(config: AuthConfig): string {
  const text = Buffer.from(JSON.stringify(config)).toString('base64url')
  return text.padEnd(Math.ceil(text.length / 4) * 4, '=')
}

const keys = [
  'username',
  'password',
  'auth',
  'serveraddress',
  'identitytoken',
  'registrytoken',
] as const

function pick(value: object): AuthConfig {
  const config: AuthConfig = {}
  for (const [name, field] of Object.entries(value)) {
    const key = keys.find((k) => k === name.toLowerCase())
    if (key && typeof field === 'string' && field !== '') config[key] = field
  }
  return config
}

/** `X-Registry-Config`: base64url of a JSON map of registries; empty for what is not readable. */
export function decodeRegistryAuths(header: string | undefined): Record<string, AuthConfig> {
  if (!header) return {}
  try {
    const value: unknown = JSON.parse(Buffer.from(header, 'base64url').toString('utf8'))
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return {}
    return Object.fromEntries(
      Object.entries(value).flatMap(([registry, config]) =>
        typeof config === 'object' && config !== null ? [[registry, pick(config)] as const] : [],
      ),
    )
  } catch {
    return {}
  }
}
