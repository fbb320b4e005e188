/** Builds a case with any engine, and writes down what came of it. */
import { posix } from 'node:path'
import type { ApiClient } from '../../../lib/api-client.ts'
import { busyboxTar, tarOf } from '../../../lib/image-maker.ts'
import { type Built, builtOf, contextOf } from '../build-rig.ts'
import { CONTEXT_TIME, type Case } from './case.ts'
import { savedImage } from './image-tree.ts'

/** What the cases are made from: busybox, in one layer. */
export const BASE = 'base'
const BASE_LAYERS = 1

export async function loadBase(api: ApiClient): Promise<void> {
  const query = new URLSearchParams({ fromSrc: '-', repo: BASE, tag: 'latest' })
  query.append('changes', 'CMD ["sh"]')
  query.append('changes', 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin')
  const answer = await api.request('POST', `/images/create?${query}`, await baseTar(), {
    'Content-Type': 'application/x-tar',
  })
  if (answer.status !== 200 || /"error"/.test(answer.text)) throw new Error(answer.text)
}

/** Engines mount there, and make what is missing. */
async function baseTar(): Promise<Buffer> {
  const points = ['dev/', 'proc/', 'sys/'].map(
    (name) => ({ name, type: 'directory', mode: 0o755 }) as const,
  )
  // Without the two blocks that end an archive.
  return Buffer.concat([(await tarOf(points)).subarray(0, 3 * 512), await busyboxTar()])
}

/** Told where something in it is new. */
const BASE_DIRECTORY =
  /^dir (755 0:0 \/(bin|sbin|usr|usr\/bin|usr\/sbin|etc|root|var|dev|proc|sys)|1777 0:0 \/tmp)( @context)?$/

export interface Outcome {
  /** Empty for none. */
  error: string
  config: Record<string, unknown>
  history: string[]
  tree: string[]
  /** What the build said. */
  said: string
  messages: Built['messages']
}

/** `version` 2 asks Docker for BuildKit. */
export async function runCase(
  api: ApiClient,
  { name, files, query = {} }: Case,
  version: '1' | '2' = '1',
): Promise<Outcome> {
  const context = await contextOf(withDirectories(files))
  const tag = `corpus/${name}`
  const parameters = new URLSearchParams({ ...query, version, t: tag })
  const answer = await api.request('POST', `/build?${parameters}`, context, {
    'Content-Type': 'application/x-tar',
  })
  const built = builtOf(answer.status, answer.text)
  const outcome = { error: built.error, said: built.text, messages: built.messages }
  if (built.error !== '') return { ...outcome, config: {}, history: [], tree: [] }
  // BuildKit's answer does not always tell an id.
  const image = await api.get<{ Id: string }>(`/images/${tag}/json`)
  if (image.status !== 200) throw new Error(`${name}: ${image.text}\n${answer.text}`)
  const saved = await savedImage(api.socketPath, image.body.Id, BASE_LAYERS)
  return {
    ...outcome,
    config: saved.config,
    history: saved.history.slice(1).map(lineOfHistory),
    tree: saved.tree.filter((line) => !BASE_DIRECTORY.test(line)),
  }
}

/** Directories that are only told by what is in them have a time and a mode, too. */
function withDirectories(files: Case['files']): Case['files'] {
  const all: Record<string, Case['files'][string]> = {}
  for (const [name, given] of Object.entries(files)) {
    const above: string[] = []
    for (let at = posix.dirname(name); at !== '.' && at !== '/'; at = posix.dirname(at))
      if (!(at in files)) above.unshift(at)
    for (const each of above) all[each] ??= { type: 'directory', mode: 0o755, mtime: CONTEXT_TIME }
    all[name] =
      typeof given === 'string' ? { type: 'file', content: given, mtime: CONTEXT_TIME } : given
  }
  return all
}

function lineOfHistory(row: {
  created_by?: string
  empty_layer?: boolean
  author?: string
}): string {
  const { created_by: by = '', empty_layer: empty, author } = row
  const words = by.replace(/\b[0-9a-f]{64}\b/g, 'DIGEST')
  return `${empty ? '-' : '+'} ${words}${author ? ` (${author})` : ''}`
}

/** The golden text of a case. */
export function goldenOf({ error, config, history, tree }: Outcome): string {
  if (error !== '') return `error: ${error}\n`
  const told = Object.entries(config)
    .filter(([, value]) => isSomething(value))
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `  ${key}: ${JSON.stringify(sorted(value))}`)
  return [
    'config:',
    ...told,
    'history:',
    ...history.map((line) => `  ${line}`),
    'tree:',
    ...tree.map((line) => `  ${line}`),
    '',
  ].join('\n')
}

/** Engines differ in whether they tell what is not set. */
export function isSomething(value: unknown): boolean {
  return (
    value !== undefined &&
    value !== null &&
    value !== '' &&
    value !== false &&
    JSON.stringify(value) !== '{}'
  )
}

function sorted(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  return Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)))
}
