import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { quote } from '../flag/scalar.ts'
import { goPathError } from '../flag/spec/environment.ts'

/** A named way to a daemon, as docker keeps it. */
export interface ContextMeta {
  readonly Name: string
  readonly Metadata: { readonly Description?: string } & Readonly<Record<string, unknown>>
  readonly Endpoints: Readonly<
    Record<string, { readonly Host?: string; readonly SkipTLSVerify?: boolean }>
  >
}

export const defaultContext = 'default'

const namePattern = '^[a-zA-Z0-9][a-zA-Z0-9_.+-]+$'
const tlsFiles = ['ca.pem', 'cert.pem', 'key.pem']

/** Contexts below `contexts/` of the configuration, shared with the docker CLI. */
export class ContextStore {
  private readonly root: string

  constructor(directory: string) {
    this.root = join(directory, 'contexts')
  }

  metaPath(name: string): string {
    return join(this.root, 'meta', idOf(name))
  }

  tlsPath(name: string): string {
    return join(this.root, 'tls', idOf(name))
  }

  /** Throws docker's sentence where there is none of this name. */
  get(name: string): ContextMeta {
    const path = join(this.metaPath(name), 'meta.json')
    try {
      return JSON.parse(readFileSync(path, 'utf8')) as ContextMeta
    } catch (error) {
      if (error instanceof SyntaxError) throw new Error(`context ${quote(name)}: ${error.message}`)
      const reason = goPathError('open', path, error)
      throw new Error(`context ${quote(name)}: context not found: ${reason}`)
    }
  }

  has(name: string): boolean {
    return existsSync(this.metaPath(name))
  }

  list(): ContextMeta[] {
    const directory = join(this.root, 'meta')
    if (!existsSync(directory)) return []
    return readdirSync(directory).flatMap((id) => {
      try {
        const text = readFileSync(join(directory, id, 'meta.json'), 'utf8')
        return [JSON.parse(text) as ContextMeta]
      } catch {
        return []
      }
    })
  }

  /** Paths of the certificates there are, by file name. */
  tls(name: string): Readonly<Record<string, string>> {
    const directory = join(this.tlsPath(name), 'docker')
    return Object.fromEntries(
      tlsFiles
        .map((file) => [file, join(directory, file)] as const)
        .filter(([, path]) => existsSync(path)),
    )
  }

  /** `tls` maps the names of certificate files to where they are copied from. */
  create(meta: ContextMeta, tls: Readonly<Record<string, string>>): void {
    mkdirSync(this.metaPath(meta.Name), { recursive: true, mode: 0o755 })
    writeFileSync(join(this.metaPath(meta.Name), 'meta.json'), JSON.stringify(meta))
    if (Object.keys(tls).length === 0) return
    const directory = join(this.tlsPath(meta.Name), 'docker')
    mkdirSync(directory, { recursive: true, mode: 0o700 })
    for (const [file, from] of Object.entries(tls)) copyFileSync(from, join(directory, file))
  }

  remove(name: string): void {
    rmSync(this.metaPath(name), { recursive: true, force: true })
    rmSync(this.tlsPath(name), { recursive: true, force: true })
  }
}

function idOf(name: string): string {
  // Not imported: most command lines have no use for it, and starting is to be quick.
  return process.getBuiltinModule('node:crypto').createHash('sha256').update(name).digest('hex')
}

export function checkContextName(name: string): void {
  if (name === '') throw new Error('context name cannot be empty')
  if (name === defaultContext) throw new Error('"default" is a reserved context name')
  if (!new RegExp(namePattern).test(name)) {
    throw new Error(
      `context name ${quote(name)} is invalid, names are validated against regexp ${quote(namePattern)}`,
    )
  }
}
