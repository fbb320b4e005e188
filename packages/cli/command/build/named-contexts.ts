/** `--build-context NAME=VALUE`, as buildx reads it (build/opt.go, controller/pb/path.go). */
import { readFileSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'

export interface NamedContexts {
  /** For the daemon. */
  values: Record<string, string>
  /** Of this machine, by the name that the session has for them. */
  directories: Map<string, string>
}

/** Throws in buildx's words. */
export function namedContexts(given: readonly string[]): NamedContexts {
  const found: NamedContexts = { values: {}, directories: new Map() }
  for (const text of given) {
    const at = text.indexOf('=')
    if (at < 0) throw new Error(`invalid context value: ${text}, expected key=value`)
    const name = text.slice(0, at)
    const value = text.slice(at + 1)
    if (name === '') throw new Error(`invalid context name : invalid reference format`)
    if (value.startsWith('oci-layout://'))
      addLayout(found, name, value.slice('oci-layout://'.length))
    else if (isRemote(value)) found.values[name] = value
    else addDirectory(found, name, value)
  }
  return found
}

function isRemote(value: string): boolean {
  if (/^(https?|git|ssh|docker-image|target):\/\//.test(value) || value.startsWith('target:'))
    return true
  return /^(github\.com\/|[A-Za-z0-9_-]+@[A-Za-z0-9.-]+:)/.test(value)
}

/** `PATH[:TAG][@DIGEST]`. */
function addLayout({ values, directories }: NamedContexts, name: string, given: string): void {
  const [, path = '', tag, digest] = /^(.*?)(?::([^:/@]*))?(?:@(.*))?$/.exec(given) ?? []
  const key = `oci-layout.${name}`
  values[name] = `oci-layout://${key}:${tag ?? 'latest'}@${digest ?? layoutDigest(path, tag)}`
  directories.set(key, resolve(path))
}

/** Of what the tag names; without one also of all that is there, when that is one. */
function layoutDigest(path: string, tag: string | undefined): string {
  const { manifests = [] } = JSON.parse(readFileSync(join(path, 'index.json'), 'utf8')) as {
    manifests?: Array<{ digest: string; annotations?: Record<string, string> }>
  }
  const wanted = tag ?? 'latest'
  const named = manifests.find(
    ({ annotations }) => annotations?.['org.opencontainers.image.ref.name'] === wanted,
  )
  const found = named ?? (tag === undefined && manifests.length === 1 ? manifests[0] : undefined)
  if (!found) throw new Error(`oci-layout ${path}: no image with the tag ${wanted}`)
  return found.digest
}

function addDirectory({ values, directories }: NamedContexts, name: string, path: string): void {
  const stat = statSync(path, { throwIfNoEntry: false })
  if (!stat)
    throw new Error(`failed to get build context ${name}: stat ${path}: no such file or directory`)
  if (!stat.isDirectory())
    throw new Error(`failed to get build context path {${path} <nil>}: not a directory`)
  // The session has directories of these names already.
  const key = name === 'context' || name === 'dockerfile' ? `_${name}` : name
  values[name] = `client:${key}`
  directories.set(key, resolve(path))
}
