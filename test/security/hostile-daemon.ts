/** A real daemon that hostile archives are sent to, and all that must not change by them. */
import assert from 'node:assert/strict'
import Database from 'better-sqlite3'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { Inflater } from '@tdocker/engine/content/inflate.ts'
import { type MadeImage, makeImage, makeLayer } from '../lib/image-maker.ts'
import { digestOf } from '@tdocker/oci'
import { makeTar } from '../integration/kernel/tar-maker.ts'
import { FaultRegistry } from '../lib/registry.ts'
import { TestDaemon, until } from '../lib/test-daemon.ts'
import { put } from '../integration/archive/archive-rig.ts'
import { MARK, type Targets } from './corpus/hostile-tar.ts'
import { native } from './hostile-trees.ts'
import { WatchedTree, linesOf } from './watched-tree.ts'

export interface Answer {
  verdict: 'taken' | 'refused'
  text: string
}

/** The layer below every hostile one that is pulled: what links of attacks would reach for. */
const LOWER = makeTar(
  { name: 'etc/', type: '5', mode: 0o755 },
  { name: 'etc/shadow', mode: 0o600, content: 'secret of the lower layer' },
  { name: 'd/', type: '5', mode: 0o711, uid: 3 },
  { name: 'x', content: 'of the lower layer' },
  { name: 'l', type: '2', link: '/etc' },
)

const TABLES = ['image', 'image_tag', 'image_layer', 'layer', 'blob', 'document', 'partial']

export class HostileRig implements AsyncDisposable {
  readonly daemon: TestDaemon
  readonly canary: WatchedTree
  readonly registry: FaultRegistry
  readonly at: Targets
  /** A stopped container that archives are put into, and one that nothing is done to. */
  #container = ''
  #lines: string[] = []
  #inventory = ''
  #rows = ''

  private constructor(daemon: TestDaemon, registry: FaultRegistry) {
    this.daemon = daemon
    this.registry = registry
    this.canary = new WatchedTree(join('/dev/shm', `${daemon.id}-canary`))
    this.at = { outside: this.canary.dir, pid: daemon.pid }
  }

  static async start(): Promise<HostileRig> {
    const rig = new HostileRig(await TestDaemon.start(), await FaultRegistry.start())
    try {
      await rig.#furnish()
    } catch (error) {
      await rig[Symbol.asyncDispose]()
      throw error
    }
    return rig
  }

  async #furnish(): Promise<void> {
    const { daemon, registry } = this
    const other = await this.#create('other')
    const owned = makeTar({ name: 'owned', content: 'by another container', uid: 5 })
    assert.equal((await put(daemon, other, '/', owned)).status, 200)
    this.#container = await this.#create('victim')
    // What the first container that runs leaves for the others.
    await daemon.wait(await daemon.run({ name: 'first', Cmd: ['true'] }))
    await daemon.api.delete('/containers/first')
    registry.add('lower:1', makeImage({ layers: [makeLayer(LOWER)] }))
    assert.equal((await this.#pull('lower:1')).verdict, 'taken')
    this.#lines = this.#others(other)
    this.#inventory = this.#names()
    this.#rows = this.#counts()
  }

  async #create(name: string): Promise<string> {
    const body = { Image: 'busybox', Cmd: ['true'], HostConfig: { NetworkMode: 'none' } }
    const made = await this.daemon.api.post<{ Id: string }>(`/containers/create?name=${name}`, body)
    assert.equal(made.status, 201, made.text)
    return made.body.Id
  }

  // ---- the ways in ----

  async import(archive: Buffer): Promise<Answer> {
    const query = 'fromSrc=-&repo=hostile&tag=1'
    const answer = await this.daemon.api.request('POST', `/images/create?${query}`, archive, {
      'Content-Type': 'application/x-tar',
    })
    return this.#after(answer.status, answer.text)
  }

  /** As the upper one of two layers. */
  async pull(archive: Buffer): Promise<Answer> {
    const image = await hostileImage(archive)
    this.registry.add('hostile:1', image)
    return this.#pull('hostile:1')
  }

  /** As the upper one of two layers in what `docker save` writes. */
  async load(archive: Buffer): Promise<Answer> {
    const { config, layers } = await hostileImage(archive)
    const names = layers.map((_, at) => `${at}/layer.tar`)
    const list = [{ Config: 'config.json', RepoTags: ['hostile:1'], Layers: names }]
    const saved = makeTar(
      { name: 'config.json', content: config.bytes },
      ...layers.map(({ bytes }, at) => ({ name: names[at] ?? '', content: bytes })),
      { name: 'manifest.json', content: JSON.stringify(list) },
    )
    const answer = await this.daemon.api.request('POST', '/images/load', saved, {
      'Content-Type': 'application/x-tar',
    })
    return this.#after(answer.status, answer.text)
  }

  /** Into a directory of its own in a stopped container. */
  async put(archive: Buffer, name: string): Promise<Answer> {
    const directory = `case-${name}`
    const made = makeTar({ name: `${directory}/`, type: '5', mode: 0o755 })
    assert.equal((await put(this.daemon, this.#container, '/', made)).status, 200)
    const answer = await put(this.daemon, this.#container, `/${directory}`, archive)
    return this.#after(answer.status, answer.text)
  }

  /** As a build's context. */
  async build(context: Buffer): Promise<Answer> {
    const answer = await this.daemon.api.request('POST', '/build?t=hostile:1', context, {
      'Content-Type': 'application/x-tar',
    })
    return this.#after(answer.status, answer.text)
  }

  async #pull(name: string): Promise<Answer> {
    const reference = encodeURIComponent(`${this.registry.host}/${name}`)
    const answer = await this.daemon.api.post(`/images/create?fromImage=${reference}`)
    return this.#after(answer.status, answer.text)
  }

  async #after(status: number, text: string): Promise<Answer> {
    assert.equal((await this.daemon.api.get('/_ping')).status, 200, 'the daemon lives')
    const failed = status !== 200 || text.includes('"errorDetail"')
    if (failed) assert.match(text, /"(message|error)":"[^"]{3,2000}"/, `no sentence: ${text}`)
    return { verdict: failed ? 'refused' : 'taken', text }
  }

  // ---- what must be as it was ----

  async removeImage(name: string): Promise<void> {
    await this.daemon.api.delete(`/images/${encodeURIComponent(name)}?force=1`)
  }

  /** Nothing is left of an image that is gone, or never was. */
  async clean(what: string): Promise<void> {
    this.canary.unharmed(what)
    const same = (): boolean => this.#names() === this.#inventory && this.#counts() === this.#rows
    if (!same())
      await until(`nothing left of ${what}`, same).catch((error: unknown) => {
        assert.equal(this.#names(), this.#inventory, String(error))
        assert.equal(this.#counts(), this.#rows, String(error))
      })
  }

  /** Other containers and layers, xattrs too; what is written into the container lies where it should. */
  async unharmed(): Promise<void> {
    this.canary.unharmed('all', false)
    const other = await this.daemon.api.get<{ Id: string }>('/containers/other/json')
    assertSame(this.#others(other.body.Id), this.#lines)
    type Changes = Array<{ Path: string }> | null
    const changes = await this.daemon.api.get<Changes>('/containers/victim/changes')
    const astray = (changes.body ?? [])
      .map(({ Path }) => Path)
      .filter((path) => !path.startsWith('/case-'))
    assert.deepEqual(astray, [])
    for (const dir of ['/', '/etc', '/root', '/tmp', '/dev/shm', this.daemon.directory])
      assert.ok(!readdirSync(dir).includes(MARK), `written into ${dir}`)
  }

  #others(id: string): string[] {
    const { dataRoot } = this.daemon
    const layers = readdirSync(join(dataRoot, 'layers')).map((name) => `layers/${name}`)
    return [...layers.sort(), `containers/${id}`].flatMap((name) => linesOf(join(dataRoot, name)))
  }

  /** All names of the data root that are not inside of a layer or container. */
  #names(): string {
    const list = (path: string, depth: number): string[] =>
      readdirSync(path, { withFileTypes: true }).flatMap((entry) => {
        const below = join(path, entry.name)
        const temporary = entry.name.startsWith('state.db')
        if (temporary) return []
        return entry.isDirectory() && depth > 0 ? [below, ...list(below, depth - 1)] : [below]
      })
    return [...list(this.daemon.dataRoot, 2), ...list(this.daemon.execRoot, 1)].sort().join('\n')
  }

  #counts(): string {
    const database = new Database(join(this.daemon.dataRoot, 'state.db'), { readonly: true })
    try {
      const counts = TABLES.map((table) => {
        const row = database.prepare(`SELECT count(*) AS n FROM ${table}`).get() as { n: number }
        return `${table} ${row.n}`
      })
      return counts.join('\n')
    } finally {
      database.close()
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.canary[Symbol.dispose]()
    await this.registry[Symbol.asyncDispose]()
    await this.daemon[Symbol.asyncDispose]()
  }
}

/** Tells what differs, not all there is. */
function assertSame(now: readonly string[], before: readonly string[]): void {
  const [have, had] = [new Set(now), new Set(before)]
  const extra = now.filter((line) => !had.has(line)).slice(0, 5)
  const missing = before.filter((line) => !have.has(line)).slice(0, 5)
  assert.deepEqual({ extra, missing }, { extra: [], missing: [] })
}

/** An image of the lower layer and a hostile one, whose diff ID is right where it has one. */
export async function hostileImage(archive: Buffer): Promise<MadeImage> {
  const layer = makeLayer(archive, { compression: 'none' })
  const diffId = digestOf(await inflated(archive))
  return makeImage({ layers: [makeLayer(LOWER), { ...layer, diffId }] })
}

async function inflated(archive: Buffer): Promise<Buffer> {
  const parts: Uint8Array[] = []
  const sink = (part: Uint8Array): Promise<void> => Promise.resolve(void parts.push(part))
  const inflater = new Inflater(sink, (format) => native.decompressor(format))
  try {
    await inflater.write(archive)
    await inflater.end()
    return Buffer.concat(parts)
  } catch {
    return archive
  }
}
