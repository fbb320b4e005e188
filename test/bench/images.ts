/** Images: pulls, and without a registry load, save and commit. */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { tarEntry } from '../integration/kernel/tar-maker.ts'
import { archive, dockerEntries } from '../lib/archive-maker.ts'
import { debianTar } from '../lib/debian.ts'
import { makeImage, makeLayer } from '../lib/image-maker.ts'
import type { BenchOptions, Case, Engine } from './cases.ts'
import { API, create, remove } from './containers.ts'
import { observed } from './footprint.ts'
import { type Results, timed } from './measure.ts'
import { changed } from './push.ts'

const TIMES = 3
const MB = 1e6
const CHANGE = { files: 20, size: 10_000_000 }
const LOADED = 'bench-load:latest'
const COMMITTED = 'bench-commit'
const TAR = { 'Content-Type': 'application/x-tar' }

export const imageCases: Readonly<Record<string, Case>> = { pull, 'load-save': loadAndSave, commit }

async function pull(engine: Engine, results: Results, o: BenchOptions): Promise<void> {
  if (o.pullReference === undefined) return
  const at = o.pullReference.lastIndexOf(':')
  const query = new URLSearchParams({
    fromImage: o.pullReference.slice(0, at),
    tag: o.pullReference.slice(at + 1),
  })
  const forget = (): Promise<unknown> =>
    engine.api.delete(`${API}/images/${o.pullReference}?force=1`)
  for (let i = 0; i < TIMES; i++) {
    await forget()
    const ms = await observed({ engine, results, metric: 'pull' }, () =>
      timed(() => call(engine, `/images/create?${query}`)),
    )
    results.add('pull', 'ms', engine.name, [ms])
  }
  await forget()
}

let loadable: Promise<Buffer> | undefined

/** A Debian that is no other image's, as `docker save` of before 25 writes it. */
async function makeLoadable(): Promise<Buffer> {
  const layer = makeLayer(await changed(debianTar(), 'to be loaded'), { compression: 'none' })
  return archive(dockerEntries([{ image: makeImage({ layers: [layer] }), tags: [LOADED] }]))
}

/** MB/s of the archive. */
async function loadAndSave(engine: Engine, results: Results): Promise<void> {
  const bytes = await (loadable ??= makeLoadable())
  for (let i = 0; i < TIMES; i++) {
    const loaded = await observed({ engine, results, metric: 'load' }, () =>
      timed(() => call(engine, '/images/load?quiet=1', bytes)),
    )
    results.add('load', 'MB/s', engine.name, [bytes.length / MB / (loaded / 1000)])
    let size = 0
    const saved = await observed({ engine, results, metric: 'save' }, () =>
      timed(async () => {
        const answer = await engine.api.stream('GET', `${API}/images/${LOADED}/get`)
        answer.on('data', (part: Buffer) => (size += part.length))
        await once(answer, 'end')
      }),
    )
    if (size < debianTar().length) throw new Error(`save: ${size} bytes`)
    results.add('save', 'MB/s', engine.name, [size / MB / (saved / 1000)])
    await engine.api.delete(`${API}/images/${LOADED}?force=1`)
  }
}

/** Of 200 MB that a container was given. */
async function commit(engine: Engine, results: Results, o: BenchOptions): Promise<void> {
  const content = randomBytes(CHANGE.size)
  const entries = Array.from({ length: CHANGE.files }, (_, at) =>
    tarEntry({ name: `large/${at}`, content }),
  )
  const change = Buffer.concat([...entries, Buffer.alloc(1024)])
  for (let i = 0; i < TIMES; i++) {
    const id = await create(engine, o, 'none', ['true'])
    try {
      const put = `${API}/containers/${id}/archive?path=/`
      const { status, text } = await engine.api.request('PUT', put, change, TAR)
      if (status !== 200) throw new Error(`PUT archive: ${status} ${text}`)
      const query = new URLSearchParams({ container: id, repo: COMMITTED, tag: 'latest' })
      const ms = await observed({ engine, results, metric: 'commit of 200 MB' }, () =>
        timed(() => call(engine, `/commit?${query}`, undefined, 201)),
      )
      results.add('commit of 200 MB', 'ms', engine.name, [ms])
    } finally {
      await remove(engine, id)
      await engine.api.delete(`${API}/images/${COMMITTED}?force=1`)
    }
  }
}

async function call(engine: Engine, path: string, body?: Buffer, wanted = 200): Promise<void> {
  const { status, text } = await engine.api.request('POST', `${API}${path}`, body, body && TAR)
  if (status !== wanted || text.includes('"error"')) {
    throw new Error(`${path}: ${status} ${text.slice(-300)}`)
  }
}
