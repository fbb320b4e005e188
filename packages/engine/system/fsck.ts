/** `tdocker system fsck`: every byte of the data root has an owner or is named, every row its content. */
import { lstat, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { FsckFinding, FsckOwner, FsckReport } from '@tdocker/api'
import type { Native } from '@tdocker/kernel'
import type { Finding } from '../content/finding.ts'
import { bytesAt, list } from '../content/garbage.ts'
import type { Store } from '../store/store.ts'

export interface FsckOptions {
  deep: boolean
  repair: boolean
  signal: AbortSignal
}

export interface FsckContext {
  native: Native
  store: Store
  dataRoot: string
  images(o: { deep: boolean; signal: AbortSignal }): AsyncIterable<Finding>
}

/** Who owns a name at the top of the data root. */
const OWNERS: ReadonlyArray<[name: RegExp, owner: string]> = [
  [/^state\.db\.reserve$/, 'reserve'],
  [/^state\.db(?:-wal|-shm|-journal|\.v\d+)?$/, 'database'],
  [/^layers$/, 'layers'],
  [/^containers$/, 'containers'],
  [/^volumes$/, 'volumes'],
  [/^build-(?:mounts|contexts)$/, 'build'],
  [/^(?:tdockerd\.pid|cache)$/, 'daemon'],
]
const CONTENT_OWNERS: ReadonlyMap<string, string> = new Map([
  ['blobs', 'blobs'],
  ['partial', 'partials'],
])
/** A file system of its own has this at its root. */
const LOST_AND_FOUND = 'lost+found'
/** A verb at work has its row and its directory within this of each other. */
const GRACE_MS = 1000

/** Safe beside verbs at work. Throws the signal's reason when it is aborted. */
export async function fsck(o: FsckContext, options: FsckOptions): Promise<FsckReport> {
  const { deep, repair, signal } = options
  const findings: FsckFinding[] = []
  for await (const finding of allFindings(o, { deep, signal })) {
    signal.throwIfAborted()
    findings.push(await told(finding, repair))
  }
  const owners = await account(o)
  return {
    Deep: deep,
    Owners: owners,
    TotalBytes: owners.reduce((sum, { Bytes }) => sum + Bytes, 0),
    Findings: findings,
  }
}

async function* allFindings(
  o: FsckContext,
  options: { deep: boolean; signal: AbortSignal },
): AsyncGenerator<Finding> {
  yield* foreignFiles(o)
  yield* o.images(options)
  yield* homes(o, {
    owner: 'container',
    directory: 'containers',
    rows: 'SELECT id AS name FROM container',
    lost: 'the changes and logs of the container are lost',
  })
  yield* homes(o, {
    owner: 'volume',
    directory: 'volumes',
    // Others have their data elsewhere.
    rows: `SELECT name FROM volume WHERE driver = 'local' AND options_json = '{}'`,
    all: 'SELECT name FROM volume',
    lost: 'the data of the volume is lost; an empty directory is made when it is used',
  })
  yield* homes(o, {
    owner: 'build',
    directory: 'build-mounts',
    rows: 'SELECT key AS name FROM build_mount',
    lost: 'what a cache mount held is lost; it is made again when it is used',
  })
  yield* homes(o, {
    owner: 'build',
    directory: 'build-contexts',
    rows: 'SELECT id AS name FROM build_context',
    lost: "what was kept of a client's directory is lost; the next build sends it again",
  })
}

async function told(finding: Finding, repair: boolean): Promise<FsckFinding> {
  const { kind, owner, what, message, bytes } = finding
  const base = { Kind: kind, Owner: owner, What: what, Message: message, Bytes: bytes }
  const isRepairable = finding.repair !== undefined
  const answer = { ...base, Repairable: isRepairable, Repaired: false }
  if (!repair || !finding.repair) return answer
  try {
    await finding.repair()
    return { ...answer, Repaired: true }
  } catch (error) {
    return { ...answer, Error: error instanceof Error ? error.message : String(error) }
  }
}

async function* foreignFiles({ dataRoot, native }: FsckContext): AsyncGenerator<Finding> {
  const content = (await list(join(dataRoot, 'content'))).filter(
    (name) => !CONTENT_OWNERS.has(name),
  )
  const top = (await list(dataRoot)).filter(
    (name) => name !== 'content' && name !== LOST_AND_FOUND && topOwner(name) === undefined,
  )
  for (const what of [...top, ...content.map((name) => join('content', name))])
    yield {
      kind: 'foreign',
      owner: 'root',
      what,
      message: 'not a file of this engine: it is left alone',
      bytes: await bytesAt(native, join(dataRoot, what)),
    }
}

function topOwner(name: string): string | undefined {
  return OWNERS.find(([pattern]) => pattern.test(name))?.[1]
}

/**
 * Directories against rows where the data is the user's: nothing of it is repaired here. Who has no row
 * is removed when the daemon starts next.
 */
async function* homes(
  { dataRoot, store, native }: FsckContext,
  o: { owner: string; directory: string; rows: string; all?: string; lost: string },
): AsyncGenerator<Finding> {
  const root = join(dataRoot, o.directory)
  const look = async (): Promise<{ stray: string[]; lost: string[] }> => {
    const there = await readdirOf(root)
    const names = (text: string): Set<string> =>
      new Set(store.all<{ name: string }>(text).map((row) => row.name))
    const [wanted, known] = [names(o.rows), names(o.all ?? o.rows)]
    return {
      stray: [...there].filter((name) => !known.has(name)),
      lost: [...wanted].filter((name) => !there.has(name)),
    }
  }
  const first = await look()
  if (first.stray.length + first.lost.length === 0) return
  await delay(GRACE_MS)
  const second = await look()
  for (const name of second.stray.filter((found) => first.stray.includes(found)))
    yield {
      kind: 'garbage',
      owner: o.owner,
      what: join(o.directory, name),
      message: `no ${o.owner} has it; it goes when the daemon starts next`,
      bytes: await bytesAt(native, join(root, name)),
    }
  for (const name of second.lost.filter((found) => first.lost.includes(found)))
    yield { kind: 'missing', owner: o.owner, what: name, message: o.lost, bytes: 0 }
}

async function readdirOf(directory: string): Promise<Set<string>> {
  return new Set(await list(directory))
}

/** Bytes by owner; what is nobody's counts as unknown, so that the sum is all there is. */
async function account({ dataRoot, native }: FsckContext): Promise<FsckOwner[]> {
  const bytes = new Map<string, number>()
  const add = (owner: string, more: number): void =>
    void bytes.set(owner, (bytes.get(owner) ?? 0) + more)
  for (const name of await list(dataRoot)) {
    const path = join(dataRoot, name)
    if (name === 'content') {
      for (const part of await list(path))
        add(CONTENT_OWNERS.get(part) ?? 'unknown', await bytesAt(native, join(path, part)))
    } else add(topOwner(name) ?? 'unknown', await bytesAt(native, path))
  }
  const logs = await logBytes(join(dataRoot, 'containers'))
  add('logs', logs)
  add('containers', -logs)
  return [...bytes].map(([Owner, Bytes]) => ({ Owner, Bytes }))
}

/** What lies beside a container's upper and work directory: its log, in whatever form. */
async function logBytes(containers: string): Promise<number> {
  let bytes = 0
  for (const id of await list(containers)) {
    for (const name of await list(join(containers, id))) {
      if (name === 'local-logs') bytes += await flatBytes(join(containers, id, name))
      else if (name.includes('-json.log')) bytes += await blocks(join(containers, id, name))
    }
  }
  return bytes
}

async function flatBytes(directory: string): Promise<number> {
  const sizes = await readdir(directory).catch(() => [])
  const all = await Promise.all(sizes.map((name) => blocks(join(directory, name))))
  return all.reduce((sum, each) => sum + each, 0)
}

async function blocks(path: string): Promise<number> {
  return lstat(path).then(
    (found) => found.blocks * 512,
    () => 0,
  )
}
