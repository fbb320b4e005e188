/** Pushes to an empty registry: of what was just pulled, and of a layer that was just made. */
import { pack } from 'tar-stream'
import { debianTar } from '../lib/debian.ts'
import type { BenchOptions, Case, Engine } from './cases.ts'
import { API } from './containers.ts'
import { observed } from './footprint.ts'
import { type Results, timed } from './measure.ts'

const TIMES = 3

export const pushCases: Readonly<Record<string, Case>> = {
  push: pulledImage,
  'push-new': newLayer,
}

async function pulledImage(engine: Engine, results: Results, o: BenchOptions): Promise<void> {
  if (o.pullReference === undefined || !engine.pushTo) return
  const [repository = '', tag = ''] = split(o.pullReference)
  const query = new URLSearchParams({ fromImage: repository, tag })
  await engine.api.delete(`${API}/images/${o.pullReference}?force=1`)
  await call(engine, `/images/create?${query}`)
  const samples: number[] = []
  const metric = 'push of a pulled image'
  for (let i = 0; i < TIMES; i++) {
    samples.push(await push({ engine, results, metric }, o.pullReference))
  }
  results.add(metric, 'ms', engine.name, samples)
  await engine.api.delete(`${API}/images/${o.pullReference}?force=1`)
}

async function newLayer(engine: Engine, results: Results): Promise<void> {
  if (!engine.pushTo) return
  const samples: number[] = []
  const metric = 'push of a new layer'
  for (let i = 0; i < TIMES; i++) {
    const tar = await changed(debianTar(), `${process.hrtime.bigint()}`)
    const query = new URLSearchParams({ fromSrc: '-', repo: 'bench-new', tag: 'latest' })
    const type = { 'Content-Type': 'application/x-tar' }
    const made = await engine.api.request('POST', `${API}/images/create?${query}`, tar, type)
    if (made.status !== 200) throw new Error(`import: ${made.text.slice(-300)}`)
    samples.push(await push({ engine, results, metric }, 'bench-new:latest'))
    await engine.api.delete(`${API}/images/bench-new?force=1`)
  }
  results.add(metric, 'ms', engine.name, samples)
}

/** Milliseconds of a push to a registry that has nothing of it. */
async function push(
  o: { engine: Engine; results: Results; metric: string },
  from: string,
): Promise<number> {
  const { engine } = o
  const { host = '', clear } = engine.pushTo ?? {}
  const to = `${host}/bench/pushed`
  clear?.()
  await engine.api.post(`${API}/images/${from}/tag?repo=${to}&tag=latest`)
  const milliseconds = await observed(o, () =>
    timed(() => call(engine, `/images/${to}/push?tag=latest`)),
  )
  await engine.api.delete(`${API}/images/${to}:latest`)
  return milliseconds
}

async function call(engine: Engine, path: string): Promise<void> {
  const auth = { 'X-Registry-Auth': 'e30=' }
  const { status, text } = await engine.api.request('POST', `${API}${path}`, undefined, auth)
  if (status !== 200 || text.includes('"error"')) throw new Error(`${path}: ${text.slice(-300)}`)
}

function split(reference: string): [string, string] {
  const at = reference.lastIndexOf(':')
  return [reference.slice(0, at), reference.slice(at + 1)]
}

/** The tar with one more file at its beginning: another layer. */
export async function changed(tar: Buffer, text: string): Promise<Buffer> {
  const one = pack()
  one.entry({ name: 'changed' }, text)
  const head: Buffer[] = []
  // An entry without the end of an archive.
  one.on('data', (part: Buffer) => head.push(part))
  await new Promise((resolve) => setImmediate(resolve))
  return Buffer.concat([...head, tar])
}
