import { InvalidRequest } from '@tdocker/api/invalid.ts'
import { list, text, type Query } from '@tdocker/api/query.ts'
import { parseGoJson } from './go-json.ts'

/**
 * `KEY={"os":…,"architecture":…,"variant":…}` as os/arch[/variant]; undefined when absent or empty.
 * Throws in moby's words (daemon/server/httputils/form.go).
 */
export function platformQuery(query: Query, key: string): string | undefined {
  const given = text(query, key)
  return given === '' ? undefined : decodePlatform(given)
}

/** The same of a key that may be there several times. */
export function platformQueries(query: Query, key: string): string[] {
  return list(query, key).map(decodePlatform)
}

interface Given {
  os?: unknown
  architecture?: unknown
  variant?: unknown
  'os.version'?: unknown
  'os.features'?: unknown
}

/** One such value. */
export function decodePlatform(given: string): string {
  const value = parse(given)
  const { os, architecture, variant } = value
  const isBare = !os && !architecture
  if (isBare && (variant || value['os.version'] || value['os.features'])) {
    throw new InvalidRequest(
      'optional platform fields provided, but OS and Architecture are missing',
    )
  }
  if (!os || !architecture) throw new InvalidRequest('both OS and Architecture must be provided')
  return [os, architecture, variant].filter(Boolean).map(String).join('/')
}

function parse(given: string): Given {
  try {
    const value = parseGoJson(given)
    if (value === null) return {}
    if (typeof value === 'object' && !Array.isArray(value)) return value
    const word = Array.isArray(value) ? 'array' : typeof value
    throw new InvalidRequest(`json: cannot unmarshal ${word} into Go value of type v1.Platform`)
  } catch (error) {
    const reason = (error as Error).message.replace(/^invalid JSON: /, '')
    // A text and a stream end differently for Go.
    const told = /\bEOF$/.test(reason) ? 'unexpected end of JSON input' : reason
    throw new InvalidRequest(`failed to parse platform: ${told}`)
  }
}
