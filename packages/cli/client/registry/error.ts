import { parseChallenges } from './challenge.ts'
import type { RegistryResponse } from './http.ts'

/** What a registry says when it refuses; `code` as in the distribution spec. */
export class RegistryError extends Error {
  /** Empty where the registry said nothing but the code: Docker's programs do not look at it then. */
  readonly code: string

  constructor(code: string, message: string) {
    super(message)
    this.code = code
  }
}

/** The codes' own sentences; an entry that says no more is told by its code alone. */
const sentences: Readonly<Record<string, string>> = {
  UNAUTHORIZED: 'authentication required',
  DENIED: 'requested access to the resource is denied',
  MANIFEST_UNKNOWN: 'manifest unknown',
  NAME_UNKNOWN: 'repository name not known to registry',
  BLOB_UNKNOWN: 'blob unknown to registry',
  MANIFEST_BLOB_UNKNOWN: 'blob unknown to registry',
  TOOMANYREQUESTS: 'too many requests',
}

export function registryError(response: RegistryResponse): RegistryError {
  const found = [...ofChallenge(response), ...ofBody(response.body)]
  const [first] = found
  if (!first) {
    const status = `${response.status} ${response.statusText}`.trim()
    return new RegistryError('', `received unexpected HTTP status: ${status}`)
  }
  if (found.length === 1) return first
  const lines = found.map(({ message }) => `${message}\n`).join('')
  return new RegistryError(first.code, `errors:\n${lines}`)
}

/** RFC 6750 section 3.1: the token was refused, or does not reach far enough. */
function ofChallenge({ status, headers }: RegistryResponse): RegistryError[] {
  if (status !== 401) return []
  const codes: Readonly<Record<string, string>> = {
    invalid_token: 'UNAUTHORIZED',
    insufficient_scope: 'DENIED',
  }
  return parseChallenges(headers['www-authenticate'] ?? '').flatMap(({ parameters }) => {
    const code = codes[parameters['error'] ?? '']
    return code === undefined
      ? []
      : [new RegistryError(code, sentence(code, sentences[code] ?? ''))]
  })
}

function ofBody(body: Buffer): RegistryError[] {
  let entries: unknown
  try {
    entries = (JSON.parse(body.toString()) as { errors?: unknown } | null)?.errors
  } catch {
    // A page of some proxy.
  }
  return Array.isArray(entries) ? entries.map((entry) => ofEntry(entry as Entry)) : []
}

interface Entry {
  readonly code?: unknown
  readonly message?: unknown
  readonly detail?: unknown
}

function ofEntry({ code, message, detail }: Entry): RegistryError {
  const name = String(code ?? 'UNKNOWN').toUpperCase()
  const told = typeof message === 'string' ? message : ''
  const isBare = (detail ?? null) === null && (told === '' || told === sentences[name])
  return isBare ? new RegistryError('', words(name)) : new RegistryError(name, sentence(name, told))
}

function sentence(code: string, message: string): string {
  return `${words(code)}: ${message}`
}

function words(code: string): string {
  return code.toLowerCase().replaceAll('_', ' ')
}
