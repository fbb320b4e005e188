import { readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { invalidParameter } from '../base/errors.ts'

/** What `certs.d/HOST[:PORT]/` says about a registry: CAs to trust and client certificates to show. */
export interface HostCertificates {
  ca: string[]
  client: Array<{ cert: string; key: string }>
}

/**
 * Reads Docker's directory of a registry's certificates: `*.crt` are CAs, `NAME.cert` with `NAME.key`
 * is a client certificate. undefined when there is none; invalidParameter when one has no key.
 */
export async function readHostCertificates(
  certsDir: string,
  host: string,
): Promise<HostCertificates | undefined> {
  if (host === '' || host.includes('/') || host.startsWith('.')) return undefined
  const directory = join(certsDir, host)
  let names: string[]
  try {
    names = await readdir(directory)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    throw error
  }
  const read = (name: string): Promise<string> => readFile(join(directory, name), 'utf8')
  checkPairs(names)
  const certs = names.filter((name) => name.endsWith('.cert'))
  return {
    ca: await Promise.all(names.filter((name) => name.endsWith('.crt')).map(read)),
    client: await Promise.all(
      certs.map(async (name) => ({
        cert: await read(name),
        key: await read(name.replace(/\.cert$/, '.key')),
      })),
    ),
  }
}

function checkPairs(names: readonly string[]): void {
  for (const name of names) {
    const other = name.endsWith('.cert')
      ? name.replace(/\.cert$/, '.key')
      : name.endsWith('.key')
        ? name.replace(/\.key$/, '.cert')
        : undefined
    if (other === undefined || names.includes(other)) continue
    throw invalidParameter(
      name.endsWith('.cert')
        ? `missing key ${other} for client certificate ${name}. CA certificates must use the extension .crt`
        : `missing client certificate ${other} for key ${name}`,
    )
  }
}
