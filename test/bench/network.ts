/** What networks carry: between containers, and from the host to a published port. */
import { execFile, execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { BenchOptions, Case, Engine } from './cases.ts'
import { API, create, post, remove } from './containers.ts'
import type { Results } from './measure.ts'

const SECONDS = 3
const PORT = 5000
const run = promisify(execFile)

interface Place {
  /** Of a process in the network that asks. */
  pid: number
  address: string
  port: number
}

interface Inspected {
  State: { Pid: number }
  NetworkSettings: {
    Networks: Record<string, { IPAddress: string }>
    Ports: Record<string, Array<{ HostPort: string }> | null>
  }
}

export const networkCase: Case = async (engine, results, o) => {
  const dir = mkdtempSync(join(tmpdir(), 'bench-network-'))
  const program = join(dir, 'stream')
  // Static: it runs in the container's file system.
  const source = join(import.meta.dirname, 'stream.c')
  execFileSync('gcc', ['-O2', '-static', '-o', program, source])
  const ids: string[] = []
  try {
    ids.push(await startServer(engine, o, program))
    ids.push(await create(engine, o, 'bridge', ['sleep', '600']))
    await post(engine, `/containers/${ids[1]}/start`, 204)
    await measure(engine, results, program, ids)
  } finally {
    for (const id of ids) await remove(engine, id)
    rmSync(dir, { recursive: true })
  }
}

async function startServer(engine: Engine, o: BenchOptions, program: string): Promise<string> {
  const port = `${PORT}/tcp`
  const { status, body, text } = await engine.api.post<{ Id: string }>(`${API}/containers/create`, {
    Image: o.image,
    Cmd: ['/stream', 'serve', String(PORT)],
    ExposedPorts: { [port]: {} },
    HostConfig: {
      NetworkMode: 'bridge',
      Binds: [`${program}:/stream:ro`],
      PortBindings: { [port]: [{ HostPort: '' }] },
    },
  })
  if (status !== 201) throw new Error(`create: ${status} ${text}`)
  await post(engine, `/containers/${body.Id}/start`, 204)
  return body.Id
}

async function measure(
  engine: Engine,
  results: Results,
  program: string,
  [serverId, clientId]: readonly string[],
): Promise<void> {
  const inspect = async (id = ''): Promise<Inspected> =>
    (await engine.api.get<Inspected>(`${API}/containers/${id}/json`)).body
  const { NetworkSettings: server } = await inspect(serverId)
  const client = await inspect(clientId)
  // The daemon's own network is its host: dockerd runs in a namespace.
  const hostPid = engine.pids[0] ?? process.pid
  const places: Readonly<Record<string, Place>> = {
    'container to container': {
      pid: client.State.Pid,
      address: server.Networks['bridge']?.IPAddress ?? '',
      port: PORT,
    },
    'published on 127.0.0.1': {
      pid: hostPid,
      address: '127.0.0.1',
      port: Number(server.Ports[`${PORT}/tcp`]?.[0]?.HostPort),
    },
  }
  for (const [name, { pid, address, port }] of Object.entries(places)) {
    const rate = async (verb: 'send' | 'connect'): Promise<number> => {
      const words = [program, verb, address, String(port), String(SECONDS)]
      const { stdout } = await run('nsenter', [`--net=/proc/${pid}/ns/net`, ...words])
      return Number(stdout)
    }
    results.add(`network, ${name}`, 'MB/s', engine.name, [await rate('send')])
    results.add(`network, ${name}: new`, 'connections/s', engine.name, [await rate('connect')])
  }
}
