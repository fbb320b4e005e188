/** `--secret`, as buildx reads it and BuildKit's provider looks it up. */
import { readFileSync, statSync } from 'node:fs'
import { parseCsvRecord } from '../../../flag/csv.ts'

export interface SecretSource {
  readonly id: string
  readonly path: string
  readonly env: string
}

type Environment = Readonly<Record<string, string | undefined>>

const MAX_BYTES = 500 * 1024

/** One value of the flag. Throws buildx's sentences. */
export function parseSecret(text: string): SecretSource {
  const found = { id: '', path: '', env: '', type: '' }
  for (const field of fieldsOf(text)) {
    const equals = field.indexOf('=')
    if (equals < 0) throw new Error(`invalid field '${field}' must be a key=value pair`)
    const key = field.slice(0, equals).toLowerCase()
    const value = field.slice(equals + 1)
    switch (key) {
      case 'type':
        if (value !== 'file' && value !== 'env')
          throw new Error(`unsupported secret type ${JSON.stringify(value)}`)
        found.type = value
        break
      case 'id':
        found.id = value
        break
      case 'source':
      case 'src':
        found.path = value
        break
      case 'env':
        found.env = value
        break
      default:
        throw new Error(`unexpected key '${key}' in '${field}'`)
    }
  }
  const { id, path, env, type } = found
  return type === 'env' && env === '' ? { id, path: '', env: path } : { id, path, env }
}

function fieldsOf(text: string): string[] {
  try {
    return parseCsvRecord(text)
  } catch (error) {
    throw new Error(`failed to parse csv secret: ${(error as Error).message}`, { cause: error })
  }
}

/** By id; the last one of an id counts. Files are looked at now, and read when they are asked for. */
export function secretSources(
  given: readonly string[],
  env: Environment,
): ReadonlyMap<string, SecretSource> {
  const sources = new Map<string, SecretSource>()
  for (const text of given) {
    const source = resolved(parseSecret(text), env)
    if (source.path !== '') checkFile(source)
    sources.set(source.id, source)
  }
  return sources
}

function resolved(source: SecretSource, env: Environment): SecretSource {
  const { id } = source
  if (id === '') throw new Error('secret missing ID')
  if (source.env !== '' || source.path !== '') return source
  return env[id] === undefined ? { ...source, path: id } : { ...source, env: id }
}

function checkFile({ id, path }: SecretSource): void {
  const found = statSync(path, { throwIfNoEntry: false })
  if (!found) throw new Error(`failed to stat ${path}: stat ${path}: no such file or directory`)
  if (found.size > MAX_BYTES) throw new Error(`secret ${id} too big. max size 500KB`)
}

/** Throws what reading its file says. */
export function readSecret({ id, path, env }: SecretSource, environment: Environment): Buffer {
  if (env !== '') return Buffer.from(environment[env] ?? '')
  const data = readFileSync(path)
  if (data.length > MAX_BYTES) throw new Error(`secret ${id} too big. max size 500KB`)
  return data
}
