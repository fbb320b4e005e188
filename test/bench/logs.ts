/** Cases about output: writing it to the log, watching it, reading it back. */
import type { ApiClient } from '../lib/api-client.ts'
import { now, type Results } from './measure.ts'
import type { BenchOptions, Engine } from './cases.ts'

const API = '/v1.41'
/** One line is 76 bytes, newline included. */
const LINE = 'x'.repeat(75)
/** What one `cat` writes: whole lines. */
const PIECE = 76 * 13_796
const PIECES = 200
const MEGABYTES = (PIECE * PIECES) / 1e6
const PIECES_OF_GIGABYTE = 1000

/** Rates in MB of the container's own output. */
export async function logCases(engine: Engine, results: Results, o: BenchOptions): Promise<void> {
  const samples = { write: [] as number[], read: [] as number[], tail: [] as number[] }
  const rounds = Math.max(2, Math.ceil(o.iterations / 10))
  for (let i = 0; i < rounds; i++) {
    const id = await create(engine.api, o, 'json-file')
    try {
      samples.write.push(await rate(() => runToEnd(engine.api, id)))
      samples.read.push(await rate(() => drain(engine.api, `/containers/${id}/logs?stdout=1`)))
      const begin = now()
      await drain(engine.api, `/containers/${id}/logs?stdout=1&tail=100`)
      samples.tail.push(now() - begin)
    } finally {
      await engine.api.delete(`${API}/containers/${id}?force=1&v=1`)
    }
  }
  results.add('log write, nobody attached', 'MB/s', engine.name, samples.write)
  results.add(`GET logs of ${Math.round(MEGABYTES)} MB`, 'MB/s', engine.name, samples.read)
  results.add(`tail=100 of ${Math.round(MEGABYTES)} MB`, 'ms', engine.name, samples.tail)
  for (const driver of ['json-file', 'none']) {
    const rates: number[] = []
    for (let i = 0; i < rounds; i++) rates.push(await attached(engine.api, o, driver))
    results.add(`attach, log driver ${driver}`, 'MB/s', engine.name, rates)
  }
}

/** The log takes 1.4 GB of the data root, which is in memory. */
export async function tailCase(engine: Engine, results: Results, o: BenchOptions): Promise<void> {
  const { api } = engine
  const samples: number[] = []
  const id = await create(api, o, 'json-file', PIECES_OF_GIGABYTE)
  try {
    await runToEnd(api, id)
    for (let i = 0; i < 20; i++) {
      const begin = now()
      await drain(api, `/containers/${id}/logs?stdout=1&tail=100`)
      samples.push(now() - begin)
    }
  } finally {
    await api.delete(`${API}/containers/${id}?force=1&v=1`)
  }
  results.add('tail=100 of 1 GB', 'ms', engine.name, samples)
}

/** `yes` and `head` take more time for a line than what is to be measured: a file is written again. */
function writer(pieces: number): string {
  return `yes ${LINE} | head -c ${PIECE} > /tmp/f; i=0; while [ $i -lt ${pieces} ]; do cat /tmp/f; i=$((i+1)); done`
}

async function create(
  api: ApiClient,
  o: BenchOptions,
  driver: string,
  pieces: number = PIECES,
): Promise<string> {
  const { body, status, text } = await api.post<{ Id: string }>(`${API}/containers/create`, {
    Image: o.image,
    Cmd: ['sh', '-c', writer(pieces)],
    HostConfig: { NetworkMode: 'none', LogConfig: { Type: driver, Config: {} } },
  })
  if (status !== 201) throw new Error(`create: ${status} ${text}`)
  return body.Id
}

async function rate(work: () => Promise<unknown>): Promise<number> {
  const begin = now()
  await work()
  return (MEGABYTES * 1000) / (now() - begin)
}

async function runToEnd(api: ApiClient, id: string): Promise<void> {
  await api.post(`${API}/containers/${id}/start`)
  await api.post(`${API}/containers/${id}/wait`)
}

async function drain(api: ApiClient, path: string): Promise<void> {
  const response = await api.stream('GET', `${API}${path}`)
  response.resume()
  await new Promise((resolve, reject) => response.on('end', resolve).on('error', reject))
}

async function attached(api: ApiClient, o: BenchOptions, driver: string): Promise<number> {
  const id = await create(api, o, driver)
  try {
    const { socket } = await api.upgrade(`${API}/containers/${id}/attach?stdout=1&stream=1`)
    const ended = new Promise((resolve) => socket.on('end', resolve).on('close', resolve))
    return await rate(async () => {
      const start = api.post(`${API}/containers/${id}/start`)
      socket.resume()
      await Promise.all([start, ended])
    })
  } finally {
    await api.delete(`${API}/containers/${id}?force=1&v=1`)
  }
}
