/** `-o`, `--push`, `--load`: what the daemon is asked for, and where it goes (buildx: util/buildflags). */
import { statSync } from 'node:fs'
import { parseCsvRecord } from '../../../flag/csv.ts'

/** Where what the daemon sends is put; undefined: it sends nothing. */
export type Target =
  { kind: 'directory'; path: string } | { kind: 'file'; path: string } | { kind: 'stdout' }

export interface Output {
  /** As `POST /build` takes it. */
  wire: { Type: string; Attrs: Record<string, string> }
  target: Target | undefined
}

interface Entry {
  type: string
  destination: string
  attributes: Record<string, string>
}

/** Empty where none of the flags was given: an image in the daemon's store. */
export function parseOutputs(o: {
  values: readonly string[]
  push: boolean
  load: boolean
  annotations: readonly string[]
  isTerminal: boolean
}): Output[] {
  const entries = o.values.filter(Boolean).map(parseEntry)
  if (o.push) {
    const images = entries.filter(({ type }) => type === 'image')
    for (const { attributes } of images) attributes['push'] = 'true'
    if (images.length === 0) entries.push(entryOf('image', { push: 'true' }))
  }
  const loads = entries.some(({ type, destination }) => type === 'docker' && destination === '')
  if (o.load && !loads) entries.push(entryOf('docker', {}))
  if (o.annotations.length > 0) annotate(entries, o.annotations)
  const outputs = entries.map((entry) => outputOf(entry, o.isTerminal))
  if (outputs.filter(({ target }) => target?.kind === 'stdout').length > 1)
    throw new Error('multiple outputs configured to write to stdout')
  return outputs
}

function entryOf(type: string, attributes: Record<string, string>): Entry {
  return { type, destination: '', attributes }
}

function parseEntry(text: string): Entry {
  const fields = parseCsvRecord(text)
  const isPath = fields.length === 1 && fields[0] === text && !text.startsWith('type=')
  if (isPath) return { ...entryOf(text === '-' ? 'tar' : 'local', {}), destination: text }
  const entry = entryOf('', {})
  for (const field of fields) {
    const at = field.indexOf('=')
    if (at < 0) throw new Error(`invalid value ${field}`)
    const key = field.slice(0, at).toLowerCase().trim()
    const value = field.slice(at + 1)
    if (key === 'type') entry.type = value
    else if (key === 'dest') entry.destination = value
    else entry.attributes[key] = value
  }
  if (entry.type === '') throw new Error('type is required for output')
  return entry
}

/** `[TYPE:]KEY=VALUE`, on every output that is an image. */
function annotate(entries: Entry[], annotations: readonly string[]): void {
  if (entries.length === 0) entries.push(entryOf('image', {}))
  for (const given of annotations) {
    const [, types = 'manifest', key, value] = /^(?:([^:=]+):)?([^=]+)=([^]*)$/.exec(given) ?? []
    if (key === undefined)
      throw new Error(`invalid annotation ${JSON.stringify(given)}, expected key=value`)
    for (const type of types.split(',')) {
      if (!/^(?:index|manifest)(?:-descriptor)?(?:\[[\w/-]+\])?$/.test(type))
        throw new Error(`unknown annotation type ${JSON.stringify(type)}`)
      for (const { type: kind, attributes } of entries)
        if (['image', 'registry', 'oci', 'docker'].includes(kind))
          attributes[`annotation-${type}.${key}`] = value ?? ''
    }
  }
}

function outputOf(entry: Entry, isTerminal: boolean): Output {
  const { type, destination, attributes } = entry
  switch (type) {
    case 'local':
      return { wire: wireOf(entry), target: directoryOf(entry) }
    case 'tar':
      return { wire: wireOf(entry), target: fileOf(entry, isTerminal) }
    case 'oci':
    case 'docker': {
      // Into the daemon's own store.
      if (type === 'docker' && destination === '')
        return { wire: wireOf(entry, 'image'), target: undefined }
      const { tar = 'true', ...others } = attributes
      const plain = { ...entry, attributes: others }
      const isTree = /^(?:0|f|false)$/i.test(tar)
      const target = isTree ? directoryOf(entry) : fileOf(entry, isTerminal)
      return { wire: wireOf(plain), target }
    }
    case 'registry':
      return {
        wire: { Type: 'image', Attrs: { ...attributes, push: 'true' } },
        target: undefined,
      }
    default:
      return { wire: wireOf(entry), target: undefined }
  }
}

function wireOf({ type, attributes }: Entry, as: string = type): Output['wire'] {
  return { Type: as, Attrs: attributes }
}

function directoryOf({ type, destination }: Entry): Target {
  if (destination === '') throw new Error(`dest is required for ${type} exporter`)
  if (destination === '-') throw new Error(`dest cannot be stdout for ${type} exporter`)
  const there = statSync(destination, { throwIfNoEntry: false })
  if (there && !there.isDirectory())
    throw new Error(`destination directory ${destination} is a file`)
  return { kind: 'directory', path: destination }
}

function fileOf({ type, destination }: Entry, isTerminal: boolean): Target {
  if (['', '-', '/dev/stdout'].includes(destination)) {
    if (isTerminal)
      throw new Error(`dest file is required for ${type} exporter. refusing to write to console`)
    return { kind: 'stdout' }
  }
  if (statSync(destination, { throwIfNoEntry: false })?.isDirectory())
    throw new Error(`destination file ${destination} is a directory`)
  return { kind: 'file', path: destination }
}
