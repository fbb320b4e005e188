/**
 * CVE-2018-15664, CVE-2026-41568, CVE-2026-42306: a container exchanges a directory for links to the
 * host as fast as it can while archives go in and out. A canary outside must never be read or written.
 */
import { join } from 'node:path'
import { get as httpGet } from 'node:http'
import { create, put, remove, sleeper } from '../integration/archive/archive-rig.ts'
import { makeTar } from '../integration/kernel/tar-maker.ts'
import { TestDaemon } from '../lib/test-daemon.ts'
import { compileSwap, startSwap } from './swap.ts'
import { Canary, OUTSIDE, WRITTEN } from './canary.ts'

export interface RaceResult {
  calls: number
  /** Answers by status. */
  statuses: Map<number, number>
}

/** Runs for `seconds`; fails when the canary was touched or a call had no proper answer. */
export async function cpRace(seconds: number): Promise<RaceResult> {
  await using daemon = await TestDaemon.start()
  using canary = new Canary(join('/dev/shm', `${daemon.id}-canary`))
  const swap = compileSwap(daemon.directory)
  const attackers = [
    await attacker(daemon, canary, swap, {}),
    await attacker(daemon, canary, swap, { Binds: ['racevol:/race'] }),
    await attacker(daemon, canary, swap, { PidMode: 'host' }),
  ]
  // Never runs: its mount points lie in what another container exchanges.
  const victim = await create(daemon, {
    HostConfig: { Binds: ['racevol:/race', 'innervol:/race/x/inner'] },
  })
  const result: RaceResult = { calls: 0, statuses: new Map() }
  const until = Date.now() + seconds * 1000
  const clients = [...attackers, victim].flatMap((id) =>
    calls(daemon, id).map(async (call) => {
      while (Date.now() < until) {
        const status = await call()
        result.calls++
        result.statuses.set(status, (result.statuses.get(status) ?? 0) + 1)
      }
    }),
  )
  await Promise.all(clients)
  canary.unharmed()
  for (const id of [...attackers, victim]) await remove(daemon, id)
  canary.unharmed()
  return result
}

/** HEAD, GET and PUT through what is exchanged, and of what contains it. */
function calls(daemon: TestDaemon, id: string): Array<() => Promise<number>> {
  const at = (path: string): string =>
    `/containers/${id}/archive?${new URLSearchParams({ path }).toString()}`
  const file = makeTar(
    { name: WRITTEN, content: WRITTEN },
    { name: `x/${WRITTEN}`, content: WRITTEN },
    { name: 'secret', content: WRITTEN, mode: 0o777 },
    { name: 'd/', type: '5', mode: 0o777 },
  )
  return [
    async () => (await daemon.api.request('HEAD', at('/race/x/secret'))).status,
    () => read(daemon, at('/race/x')),
    () => read(daemon, at('/race/x/secret')),
    () => read(daemon, at('/race')),
    async () => (await put(daemon, id, '/race/x', file)).status,
    async () => (await put(daemon, id, '/race', file, { noOverwriteDirNonDir: 1 })).status,
    () => read(daemon, `/containers/${id}/export`),
  ]
}

/** The status; the canary's words in the body are a failure. Breaks off after 4 MiB. */
function read(daemon: TestDaemon, path: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const request = httpGet({ socketPath: daemon.socket, path, agent: false }, (answer) => {
      let tail = ''
      let total = 0
      answer.on('data', (part: Buffer) => {
        const seen = tail + part.toString('latin1')
        if (seen.includes(OUTSIDE)) reject(new Error(`the canary was read by ${path}`))
        tail = seen.slice(-OUTSIDE.length)
        if ((total += part.length) > 4 << 20) answer.destroy()
      })
      answer.on('error', () => {})
      answer.on('close', () => resolve(answer.statusCode ?? 0))
    })
    request.on('error', reject)
  })
}

/** A container whose /race/x is now a directory, now a link to somewhere on the host. */
async function attacker(
  daemon: TestDaemon,
  canary: Canary,
  swap: Buffer,
  hostConfig: object,
): Promise<string> {
  const targets = [
    canary.dir,
    `../../../../../../../..${canary.dir}`,
    '/',
    `/proc/1/root${canary.dir}`,
    `/proc/${daemon.pid}/root${canary.dir}`,
    '/proc/self/cwd',
    `/proc/${daemon.pid}/cwd`,
  ]
  const id = await sleeper(daemon, hostConfig)
  const links = targets.map((target, at) => ({ name: `l${at}`, type: '2', link: target }))
  const tree = makeTar(
    { name: 'swap', content: swap, mode: 0o755 },
    { name: 'race/', type: '5', mode: 0o755 },
    { name: 'race/x/', type: '5', mode: 0o755 },
    { name: 'race/x/secret', content: 'inside', mode: 0o644 },
    ...links.map((link) => ({ ...link, name: `race/${link.name}` })),
  )
  await startSwap(daemon, id, {
    tree,
    path: '/race/x',
    links: links.map(({ name }) => `/race/${name}`),
  })
  return id
}
