/** Builds by the classic endpoint: five commands, and a copy of many files; each anew and from the cache. */
import { randomBytes } from 'node:crypto'
import { tarEntry } from '../integration/kernel/tar-maker.ts'
import type { BenchOptions, Case, Engine } from './cases.ts'
import { API } from './containers.ts'
import { observed } from './footprint.ts'
import { type Results, timed } from './measure.ts'

const TIMES = 3
const FILES = { directories: 100, each: 50, size: 1000 }

export const buildCases: Readonly<Record<string, Case>> = { build: commands, 'build-copy': copy }

async function commands(engine: Engine, results: Results, o: BenchOptions): Promise<void> {
  for (let i = 0; i < TIMES; i++) {
    const nonce = randomBytes(6).toString('hex')
    const steps = Array.from({ length: 5 }, (_, at) => `RUN echo ${nonce} > /step-${at}\n`)
    await anewAndCached(engine, results, {
      metric: 'build, 5 RUN',
      tag: `bench-build-${nonce}`,
      context: contextOf(`FROM ${o.image}\n${steps.join('')}`, []),
    })
  }
}

async function copy(engine: Engine, results: Results, o: BenchOptions): Promise<void> {
  for (let i = 0; i < TIMES; i++) {
    const nonce = randomBytes(6).toString('hex')
    const content = randomBytes(FILES.size / 2).toString('hex')
    const files = Array.from({ length: FILES.directories * FILES.each }, (_, at) =>
      tarEntry({
        name: `files/${Math.floor(at / FILES.each)}/${at}`,
        content: `${nonce} ${at}\n${content}`.slice(0, FILES.size),
      }),
    )
    await anewAndCached(engine, results, {
      metric: `build, COPY of ${files.length} files`,
      tag: `bench-copy-${nonce}`,
      context: contextOf(`FROM ${o.image}\nCOPY files /files\n`, files),
    })
  }
}

function contextOf(dockerfile: string, files: readonly Buffer[]): Buffer {
  const own = tarEntry({ name: 'Dockerfile', content: dockerfile })
  return Buffer.concat([own, ...files, Buffer.alloc(1024)])
}

async function anewAndCached(
  engine: Engine,
  results: Results,
  { metric, tag, context }: { metric: string; tag: string; context: Buffer },
): Promise<void> {
  const build = (): Promise<number> => timed(() => send(engine, tag, context))
  try {
    const anew = await observed({ engine, results, metric }, build)
    results.add(metric, 'ms', engine.name, [anew])
    const cached = [await build(), await build(), await build()]
    results.add(`${metric}, cached`, 'ms', engine.name, cached)
  } finally {
    await engine.api.delete(`${API}/images/${tag}?force=1`)
  }
}

async function send(engine: Engine, tag: string, context: Buffer): Promise<void> {
  const { status, text } = await engine.api.request(
    'POST',
    `${API}/build?${new URLSearchParams({ t: tag, version: '1', rm: '1', forcerm: '1' })}`,
    context,
    { 'Content-Type': 'application/x-tar' },
  )
  if (status !== 200 || !text.includes('Successfully tagged'))
    throw new Error(`build: ${status} ${text.slice(-300)}`)
}
