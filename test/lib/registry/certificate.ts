import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

export interface Certificate {
  key: string
  cert: string
}

/**
 * A certificate that signs itself, for `name` and 127.0.0.1. It is its own authority: whoever trusts it
 * trusts the server that shows it. `expired` ended long ago.
 */
export async function makeCertificate(o: {
  name: string
  /** Without 127.0.0.1 among its names. */
  otherName?: boolean
  expired?: boolean
}): Promise<Certificate> {
  const directory = await mkdtemp(join(tmpdir(), 'tdocker-certificate-'))
  const [key, cert] = [join(directory, 'key.pem'), join(directory, 'cert.pem')]
  const names = o.otherName ? `DNS:${o.name}` : `DNS:${o.name},IP:127.0.0.1`
  const request = [
    ...['req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'],
    ...['-subj', `/CN=${o.name}`, '-addext', `subjectAltName=${names}`],
    ...['-keyout', key, '-out', cert],
  ]
  try {
    await run('openssl', o.expired ? request : [...request, '-x509', '-days', '30'])
    // Only this way a certificate may have ended before it began.
    const end = ['x509', '-req', '-copy_extensions', 'copy', '-days', '-1']
    if (o.expired) await run('openssl', [...end, '-in', cert, '-signkey', key, '-out', cert])
    return { key: await readFile(key, 'utf8'), cert: await readFile(cert, 'utf8') }
  } finally {
    await rm(directory, { recursive: true })
  }
}
