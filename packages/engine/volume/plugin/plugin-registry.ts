/** Finds legacy plugins by their sockets and spec files (pkg/plugins/discovery.go). */
import { readdir, readFile, stat } from 'node:fs/promises'
import { basename, extname, join } from 'node:path'
import { system } from '../../base/errors.ts'
import type { PluginAddress } from './plugin-client.ts'

export interface PluginDirectories {
  /** Of `NAME.sock` or `NAME/NAME.sock`. */
  sockets: string
  /** Of `NAME.spec` or `NAME.json`, likewise. */
  specs: readonly string[]
}

/** Names of plugins that could be asked. */
export async function scanPlugins(dirs: PluginDirectories): Promise<string[]> {
  const names = new Set<string>()
  for (const { name, isDirectory } of await entries(dirs.sockets)) {
    const path = join(dirs.sockets, name, ...(isDirectory ? [`${name}.sock`] : []))
    if (await isSocket(path)) names.add(withoutExtension(basename(path)))
  }
  for (const dir of dirs.specs)
    for (const { name, isDirectory } of await entries(dir)) {
      const inner = isDirectory ? await entries(join(dir, name)) : []
      const file = isDirectory ? inner.find((e) => withoutExtension(e.name) === name)?.name : name
      if (file && ['.spec', '.json'].includes(extname(file))) names.add(withoutExtension(file))
    }
  return [...names]
}

/** undefined when there is no such plugin. Throws system for a spec file that says nothing. */
export async function findPlugin(
  dirs: PluginDirectories,
  name: string,
): Promise<PluginAddress | undefined> {
  // Never a path of somebody's choice.
  if (name === '' || name.includes('/') || name.includes('\0')) return undefined
  for (const path of pathsOf(dirs.sockets, name, '.sock'))
    if (await isSocket(path)) return { url: `unix://${path}` }
  for (const dir of dirs.specs)
    for (const path of [...pathsOf(dir, name, '.spec'), ...pathsOf(dir, name, '.json')]) {
      const text = await readFile(path, 'utf8').catch(() => undefined)
      if (text !== undefined) return path.endsWith('.json') ? fromJson(text) : fromSpec(text)
    }
  return undefined
}

function fromSpec(text: string): PluginAddress {
  const url = text.trim()
  if (!/^[a-z][a-z0-9+.-]*:/i.test(url)) throw system('Unknown protocol')
  return { url }
}

interface JsonSpec {
  Addr?: string
  TLSConfig?: { CAFile?: string; CertFile?: string; KeyFile?: string; InsecureSkipVerify?: boolean }
}

function fromJson(text: string): PluginAddress {
  let spec: JsonSpec
  try {
    spec = JSON.parse(text) as JsonSpec
  } catch (error) {
    throw system((error as Error).message, error)
  }
  const { url } = fromSpec(spec.Addr ?? '')
  const tls = spec.TLSConfig
  if (!tls) return { url }
  const { CAFile: ca, CertFile: cert, KeyFile: key, InsecureSkipVerify: insecure } = tls
  return {
    url,
    tls: {
      ...(ca ? { ca } : {}),
      ...(cert ? { cert } : {}),
      ...(key ? { key } : {}),
      insecure: insecure === true || !ca,
    },
  }
}

const pathsOf = (dir: string, name: string, extension: string): string[] => [
  join(dir, name + extension),
  join(dir, name, name + extension),
]

async function isSocket(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isSocket(),
    () => false,
  )
}

async function entries(dir: string): Promise<Array<{ name: string; isDirectory: boolean }>> {
  const found = await readdir(dir, { withFileTypes: true }).catch(() => [])
  return found.map((entry) => ({ name: entry.name, isDirectory: entry.isDirectory() }))
}

function withoutExtension(name: string): string {
  return name.slice(0, name.length - extname(name).length)
}
