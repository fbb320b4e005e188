import { readFileSync } from 'node:fs'
import { goPathError } from '../flag/spec/environment.ts'

export interface TlsOptions {
  readonly ca?: Buffer
  readonly cert?: Buffer
  readonly key?: Buffer
  readonly rejectUnauthorized: boolean
}

export interface TlsFiles {
  readonly verify: boolean
  readonly ca: string
  readonly cert: string
  readonly key: string
  /** Paths the user gave: a file that is not there is then an error. */
  readonly explicit: ReadonlySet<'ca' | 'cert' | 'key'>
}

/** Reads the certificates of a TLS connection; a missing default file means "without it". */
export function loadTls(files: TlsFiles): TlsOptions {
  const ca = load(
    files.ca,
    files.explicit.has('ca') || files.verify,
    'could not read CA certificate',
  )
  const cert = load(files.cert, files.explicit.has('cert'), 'Could not load X509 key pair')
  const key = load(files.key, files.explicit.has('key'), 'Could not load X509 key pair')
  return {
    ...(ca ? { ca } : {}),
    ...(cert && key ? { cert, key } : {}),
    rejectUnauthorized: files.verify,
  }
}

function load(path: string, required: boolean, what: string): Buffer | undefined {
  try {
    return readFileSync(path)
  } catch (error) {
    if (!required && (error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw new Error(`${what} ${JSON.stringify(path)}: ${goPathError('open', path, error)}`)
  }
}
