/** Names in containers: how many questions a second, none lost, and who waits meanwhile. */
import { execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { BenchOptions, Case, Engine } from './cases.ts'
import { API, create, post, remove } from './containers.ts'
import { now, type Results } from './measure.ts'

const SECONDS = 3
const WINDOWS = [1, 32, 128]
const NETWORK = 'bench-dns'

export const dnsCase: Case = async (engine, results, o) => {
  const dir = mkdtempSync(join(tmpdir(), 'bench-dns-'))
  const program = join(dir, 'flood')
  execFileSync('gcc', ['-O2', '-o', program, join(import.meta.dirname, 'dns-flood.c')])
  const made = await engine.api.post(`${API}/networks/create`, { Name: NETWORK })
  if (made.status !== 201) throw new Error(`network: ${made.status} ${made.text}`)
  try {
    await flooded(engine, results, o, program)
  } finally {
    await engine.api.delete(`${API}/networks/${NETWORK}`)
    rmSync(dir, { recursive: true })
  }
}

async function flooded(
  engine: Engine,
  results: Results,
  o: BenchOptions,
  program: string,
): Promise<void> {
  const id = await create(engine, o, NETWORK, ['sleep', '600'])
  try {
    await post(engine, `/containers/${id}/start`, 204)
    const { body } = await engine.api.get<{ State: { Pid: number } }>(
      `${API}/containers/${id}/json`,
    )
    for (const window of WINDOWS) {
      const run = [program, id.slice(0, 12), String(SECONDS), String(window)]
      const { sent, good, rate, slowestPing } = await flood(engine, body.State.Pid, run)
      const of = `DNS, ${window} at a time`
      results.add(of, 'questions/s', engine.name, [rate])
      results.add(`${of}: lost`, 'questions', engine.name, [sent - good])
      results.add(`${of}: slowest _ping meanwhile`, 'ms', engine.name, [slowestPing])
    }
  } finally {
    await remove(engine, id)
  }
}

async function flood(
  engine: Engine,
  pid: number,
  run: readonly string[],
): Promise<{ sent: number; good: number; rate: number; slowestPing: number }> {
  const child = spawn('nsenter', [`--net=/proc/${pid}/ns/net`, ...run], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let text = ''
  child.stdout.on('data', (chunk) => (text += String(chunk)))
  let running = true
  const ended = new Promise((resolve) => child.once('close', resolve)).then(() => (running = false))
  let slowestPing = 0
  while (running) {
    const begin = now()
    await engine.api.get('/_ping')
    slowestPing = Math.max(slowestPing, now() - begin)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  await ended
  const [sent = 0, good = 0, rate = 0] = text.trim().split(' ').map(Number)
  return { sent, good, rate, slowestPing }
}
