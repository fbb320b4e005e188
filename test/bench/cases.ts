/**
 * The cases: each runs a few iterations of one user-visible action against one engine's socket and
 * records its samples. `main.ts` interleaves engines, so that a drifting machine hits all alike.
 */
import { spawn } from 'node:child_process'
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import net from 'node:net'
import { basename } from 'node:path'
import type { ApiClient } from '../lib/api-client.ts'
import { type ArchiveSamples, archiveRound } from './archive.ts'
import { API, create, post, remove } from './containers.ts'
import { buildCases } from './build.ts'
import { imageCases } from './images.ts'
import { dnsCase } from './dns.ts'
import { logCases, tailCase } from './logs.ts'
import { listCase, parallelCase } from './many.ts'
import { pushCases } from './push.ts'
import { networkCase } from './network.ts'
import { now, type Results, timed } from './measure.ts'

export interface Engine {
  name: string
  api: ApiClient
  /** Pid of the daemon and of whatever serves it (containerd). */
  pids: readonly number[]
  /** Starts a second daemon with empty state and resolves at its first `_ping`; milliseconds. */
  coldStart?: () => Promise<number>
  /** A registry that nothing else is in; `clear` empties it. */
  pushTo?: { host: string; clear(): void }
}

export interface BenchOptions {
  image: string
  /** `host:port/repository:tag` to pull from. */
  pullReference: string | undefined
  clients: readonly string[]
  iterations: number
}

export type Case = (engine: Engine, results: Results, o: BenchOptions) => Promise<void>

export const cases: Readonly<Record<string, Case>> = {
  // First: what an engine at rest costs, before other cases grow its heap.
  async memory(engine, results, o) {
    const count = 20
    const before = engineMemory(engine)
    const ids: string[] = []
    for (let i = 0; i < count; i++) {
      const id = await create(engine, o, 'bridge', ['sleep', '600'])
      await post(engine, `/containers/${id}/start`, 204)
      ids.push(id)
    }
    const after = engineMemory(engine)
    results.add('daemon RSS, idle', 'MiB', engine.name, [before.daemonRss])
    results.add('daemon RSS, 20 containers', 'MiB', engine.name, [after.daemonRss])
    results.add('PSS per idle container', 'MiB', engine.name, [
      (after.monitorsPss - before.monitorsPss) / count,
    ])
    await Promise.all(ids.map((id) => remove(engine, id)))
  },

  async ping(engine, results, { iterations }) {
    await pingRate(engine, 32, 5000)
    for (const [connections, total] of [
      [1, iterations * 300],
      [32, iterations * 2000],
    ] as const)
      results.add(
        `_ping, ${connections} connection${connections > 1 ? 's' : ''}`,
        '/s',
        engine.name,
        [await pingRate(engine, connections, total)],
      )
  },

  async 'run-none'(engine, results, o) {
    await lifecycle(engine, results, o, 'none')
  },

  async 'run-bridge'(engine, results, o) {
    await lifecycle(engine, results, o, 'bridge')
  },

  async cli(engine, results, o) {
    for (const client of o.clients)
      for (const mode of ['none', 'bridge']) {
        const samples: number[] = []
        for (let i = 0; i < Math.ceil(o.iterations / 2); i++)
          samples.push(
            await timed(() =>
              command(client, ['run', '--rm', '--network', mode, o.image, 'true'], engine),
            ),
          )
        results.add(`${client.split('/').at(-1)} run --rm, ${mode}`, 'ms', engine.name, samples)
      }
  },

  async exec(engine, results, o) {
    const id = await create(engine, o, 'none', ['sleep', '600'])
    await post(engine, `/containers/${id}/start`, 204)
    const samples: number[] = []
    try {
      for (let i = 0; i < o.iterations; i++) samples.push(await timed(() => execTrue(engine, id)))
    } finally {
      await remove(engine, id)
    }
    results.add('exec create+start+inspect', 'ms', engine.name, samples)
  },

  async stats(engine, results, o) {
    const id = await create(engine, o, 'bridge', ['sleep', '600'])
    await post(engine, `/containers/${id}/start`, 204)
    const shot: number[] = []
    const pause: number[] = []
    try {
      for (let i = 0; i < o.iterations * 4; i++) {
        const path = `${API}/containers/${id}/stats?stream=0&one-shot=1`
        shot.push(await timed(() => engine.api.get(path)))
      }
      for (let i = 0; i < o.iterations; i++) {
        pause.push(await timed(() => post(engine, `/containers/${id}/pause`, 204)))
        await post(engine, `/containers/${id}/unpause`, 204)
      }
    } finally {
      await remove(engine, id)
    }
    results.add('stats one-shot', 'ms', engine.name, shot)
    results.add('pause', 'ms', engine.name, pause)
  },

  async archive(engine, results, o) {
    const samples: ArchiveSamples[] = []
    for (let i = 0; i < 4; i++) {
      const id = await create(engine, o, 'none', ['sleep', '600'])
      await post(engine, `/containers/${id}/start`, 204)
      try {
        const round = await archiveRound(engine, API, id)
        // The first one warms up.
        if (i > 0) samples.push(round)
      } finally {
        await remove(engine, id)
      }
    }
    const of = (key: keyof ArchiveSamples): number[] => samples.map((sample) => sample[key])
    results.add('archive PUT, 200 MB', 'MB/s', engine.name, of('putRate'))
    results.add('archive GET, 200 MB', 'MB/s', engine.name, of('getRate'))
    results.add('archive PUT, 2,000 files', 'ms', engine.name, of('putMany'))
    results.add('archive GET, 2,000 files', 'ms', engine.name, of('getMany'))
  },
  logs: logCases,
  tail: tailCase,
  list: listCase,
  parallel: parallelCase,
  dns: dnsCase,
  network: networkCase,

  ...buildCases,
  ...imageCases,
  ...pushCases,

  async 'cold-start'(engine, results) {
    if (!engine.coldStart) return
    const samples: number[] = []
    for (let i = 0; i < 5; i++) samples.push(await engine.coldStart())
    results.add('cold start to first _ping', 'ms', engine.name, samples)
  },
}

async function lifecycle(
  engine: Engine,
  results: Results,
  o: BenchOptions,
  mode: string,
): Promise<void> {
  const steps = { create: [], start: [], 'create+start+wait+remove': [] } as Record<
    string,
    number[]
  >
  for (let i = 0; i < o.iterations; i++) {
    const begin = now()
    const id = await create(engine, o, mode, ['true'])
    const created = now()
    await post(engine, `/containers/${id}/start`, 204)
    const started = now()
    await post(engine, `/containers/${id}/wait`, 200)
    await remove(engine, id)
    steps['create']!.push(created - begin)
    steps['start']!.push(started - created)
    steps['create+start+wait+remove']!.push(now() - begin)
  }
  for (const [step, samples] of Object.entries(steps))
    results.add(`${step}, ${mode}`, 'ms', engine.name, samples)
}

async function execTrue(engine: Engine, id: string): Promise<void> {
  const created = await engine.api.post<{ Id: string }>(`${API}/containers/${id}/exec`, {
    Cmd: ['true'],
    AttachStdout: true,
    AttachStderr: true,
  })
  const { socket } = await engine.api.upgrade(`${API}/exec/${created.body.Id}/start`, {})
  await new Promise((resolve, reject) => {
    socket.on('close', resolve).on('error', reject).resume()
    socket.on('end', () => socket.end())
  })
  const { body } = await engine.api.get<{ ExitCode: number | null }>(
    `${API}/exec/${created.body.Id}/json`,
  )
  if (body.ExitCode !== 0) throw new Error(`exec ended with ${body.ExitCode}`)
}

/** Requests per second, one in flight on each of `connections`; raw sockets, to measure the engine. */
function pingRate(engine: Engine, connections: number, total: number): Promise<number> {
  const request = Buffer.from(`GET ${API}/_ping HTTP/1.1\r\nHost: bench\r\n\r\n`)
  return new Promise((resolve, reject) => {
    const begin = now()
    let sent = 0
    let answered = 0
    const sockets = Array.from({ length: connections }, () => net.connect(engine.api.socketPath))
    const finish = (error?: Error): void => {
      for (const socket of sockets) socket.destroy()
      if (error) reject(error)
      else resolve((answered / (now() - begin)) * 1000)
    }
    for (const socket of sockets) {
      const next = (): void => {
        if (sent < total) {
          sent++
          socket.write(request)
        }
      }
      socket.on('connect', next)
      socket.on('error', finish)
      // Costs next to nothing, so that the engine is what is measured: an answer ends in OK.
      socket.on('data', (part) => {
        if (part.at(-2) !== 0x4f || part.at(-1) !== 0x4b) return
        if (++answered === total) finish()
        else next()
      })
    }
  })
}

function command(program: string, args: readonly string[], engine: Engine): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      env: { ...process.env, DOCKER_HOST: `unix://${engine.api.socketPath}` },
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    let stderr = ''
    child.stderr.on('data', (part: Buffer) => (stderr += part.toString()))
    child.on('error', reject)
    child.on('close', (code) =>
      code === 0 ? resolve() : reject(new Error(`${program} ended with ${code}: ${stderr}`)),
    )
  })
}

/** MiB: resident size of the daemon's processes; proportional size of what it runs per container. */
function engineMemory(engine: Engine): { daemonRss: number; monitorsPss: number } {
  let monitorsPss = 0
  for (const pid of readdirSync('/proc')) {
    if (!/^\d+$/.test(pid) || engine.pids.includes(Number(pid))) continue
    if (/^(tdocker-shim|containerd-shim|docker-proxy)/.test(programOf(pid)))
      monitorsPss += memoryOf(pid, 'Pss')
  }
  return {
    daemonRss: engine.pids.reduce((sum, pid) => sum + memoryOf(String(pid), 'Rss'), 0),
    monitorsPss,
  }
}

function programOf(pid: string): string {
  try {
    // tdocker's monitors run from a sealed copy: `/memfd:tdocker-shim (deleted)`.
    return basename(readlinkSync(`/proc/${pid}/exe`)).replace(/^memfd:/, '')
  } catch {
    return ''
  }
}

function memoryOf(pid: string, field: 'Rss' | 'Pss'): number {
  try {
    const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')
    return Number(new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(text)?.[1] ?? 0) / 1024
  } catch {
    return 0
  }
}
