/** `outputs` of a build: what is asked for, checked before anything runs. */
import { invalidParameter } from '../../base/errors.ts'
import type { BuildOutput } from '../build-backend.ts'
import type { BuildTag } from '../needs.ts'
import { parseEpoch } from './epoch.ts'

/** Times of an image that do not depend on when it was built. */
export interface Stamp {
  /** Seconds since 1970: later times become this one. */
  epoch: number
  /** Also those of files in the layers of this build. */
  rewrite: boolean
}

export type PlannedOutput = {
  /** Of the list that the client sent. */
  index: number
  type: string
  /** undefined: the build's; a number or `none`: this output's own. */
  epoch: number | 'none' | undefined
  rewrite: boolean
} & (
  | { kind: 'image'; tags: readonly BuildTag[]; push: boolean }
  | {
      kind: 'archive'
      layout: 'docker' | 'oci'
      tags: readonly BuildTag[]
      annotations: Readonly<Record<string, string>>
      gzip: boolean
    }
  | { kind: 'tree' }
  | { kind: 'nothing' }
)

type ParseTags = (texts: readonly string[]) => readonly BuildTag[]

/** No output is an image in the store, named as the request says. Throws invalidParameter. */
export function planOutputs(
  outputs: readonly BuildOutput[],
  tags: readonly BuildTag[],
  parseTags: ParseTags,
): PlannedOutput[] {
  const asked = outputs.length > 0 ? outputs : [{ Type: 'image', Attrs: {} }]
  return asked.map((output, index) => plan(output, index, tags, parseTags))
}

function plan(
  { Type: type, Attrs }: BuildOutput,
  index: number,
  tags: readonly BuildTag[],
  parseTags: ParseTags,
): PlannedOutput {
  const attributes = new Attributes(type, Attrs ?? {})
  const times = {
    index,
    type,
    epoch: epochOf(attributes.take('source-date-epoch')),
    rewrite: attributes.flag('rewrite-timestamp', false),
  }
  const named = (): readonly BuildTag[] => {
    const name = attributes.take('name')
    return name === undefined || name === '' ? tags : parseTags(name.split(','))
  }
  const done = <T>(planned: T): T & typeof times => {
    attributes.refuseRest()
    return { ...planned, ...times }
  }
  switch (type) {
    case '':
    case 'moby':
    case 'image':
    case 'registry':
      return done(imageOf(named(), pushOf(attributes, type)))
    case 'docker':
    case 'oci': {
      const annotations = annotationsOf(attributes, type)
      const gzip = isCompressed(attributes)
      return done({ kind: 'archive', layout: type, tags: named(), annotations, gzip })
    }
    case 'local':
    case 'tar':
      attributes.only('mode', ['', 'copy'])
      attributes.only('platform-split', ['', 'false', '0'])
      return done({ kind: 'tree' })
    case 'cacheonly':
      return done({ kind: 'nothing' })
    default:
      throw invalidParameter(`exporter ${JSON.stringify(type)} could not be found`)
  }
}

function imageOf(
  tags: readonly BuildTag[],
  push: boolean,
): { kind: 'image'; tags: readonly BuildTag[]; push: boolean } {
  if (push && tags.length === 0) throw invalidParameter('tag is needed when pushing to registry')
  return { kind: 'image', tags, push }
}

function epochOf(text: string | undefined): PlannedOutput['epoch'] {
  if (text === undefined) return undefined
  return text === '' ? 'none' : parseEpoch(text, 'source-date-epoch')
}

function pushOf(attributes: Attributes, type: string): boolean {
  const push = attributes.flag('push', type === 'registry')
  attributes.flag('unpack', true)
  attributes.flag('name-canonical', false)
  attributes.flag('force-compression', false)
  // Who is asked over HTTP is what the daemon was configured to.
  attributes.only('registry.insecure', ['', 'false', '0'])
  attributes.only('store', ['', 'true', '1'])
  attributes.only('push-by-digest', ['', 'false', '0'])
  attributes.only('oci-mediatypes', ['', 'false', '0'])
  attributes.only('compression', ['', 'gzip'])
  return push
}

/** Layers stand in archives as `docker save` writes them, unless it is asked for. */
function isCompressed(attributes: Attributes): boolean {
  attributes.only('oci-mediatypes', ['', 'true', '1'])
  attributes.only('tar', ['', 'true', '1'])
  attributes.flag('force-compression', false)
  return attributes.only('compression', ['', 'uncompressed', 'gzip']) === 'gzip'
}

function annotationsOf(attributes: Attributes, type: string): Record<string, string> {
  const found: Record<string, string> = {}
  for (const [key, value] of attributes.rest()) {
    const [, name] = /^annotation(?:-manifest)?(?:\[[^\]]*\])?\.(.+)$/.exec(key) ?? []
    if (name === undefined || type !== 'oci') continue
    found[name] = value
    attributes.take(key)
  }
  return found
}

/** Each is taken once; what is left is not known. */
class Attributes {
  readonly #type: string
  readonly #left: Map<string, string>

  constructor(type: string, attributes: Readonly<Record<string, string>>) {
    this.#type = type
    this.#left = new Map(Object.entries(attributes))
  }

  take(key: string): string | undefined {
    const value = this.#left.get(key)
    this.#left.delete(key)
    return value
  }

  /** As Go's `ParseBool`; empty is true, as BuildKit reads it. */
  flag(key: string, unless: boolean): boolean {
    const value = this.take(key)
    if (value === undefined) return unless
    if (/^(?:|1|t|T|TRUE|true|True)$/.test(value)) return true
    if (/^(?:0|f|F|FALSE|false|False)$/.test(value)) return false
    throw invalidParameter(
      `non-bool value specified for ${key}: strconv.ParseBool: parsing ${JSON.stringify(value)}: invalid syntax`,
    )
  }

  only(key: string, values: readonly string[]): string | undefined {
    const value = this.take(key)
    if (value === undefined || values.includes(value)) return value
    throw invalidParameter(`output of type ${this.#type}: ${key}=${value} is not supported`)
  }

  rest(): ReadonlyArray<[string, string]> {
    return [...this.#left]
  }

  refuseRest(): void {
    const [key] = this.#left.keys()
    if (key !== undefined)
      throw invalidParameter(`output of type ${this.#type}: ${key} is not supported`)
  }
}
