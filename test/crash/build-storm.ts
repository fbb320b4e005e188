/**
 * kill -9 of the daemon amid builds that share steps: afterwards nothing of a step at work is left,
 * what was finished is whole, and the next build goes on behind it.
 */
import assert from 'node:assert/strict'
import http from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import type { FsckReport } from '@tdocker/api'
import { Random } from '../fuzz/random.ts'
import { build, built, cachedSteps, contextOf } from '../integration/build/build-rig.ts'
import { tarOf } from '../lib/image-maker.ts'
import { TestDaemon, until } from '../lib/test-daemon.ts'

const BUILDERS = 10

/** Each ends with a step that looks whether those before it, cached or not, did what they say. */
function sources(round: number, archive: Buffer): Array<Parameters<typeof contextOf>[0]> {
  const shared = `FROM busybox AS shared\nRUN echo ${round} > /first\nRUN cp /first /second; sleep 0.2\n`
  return [
    {
      Dockerfile:
        `${shared}FROM busybox\nCOPY --from=shared /first /second /from/\n` +
        'RUN --mount=type=cache,target=/c,sharing=locked echo x >> /c/n; sleep 0.1\n' +
        `RUN test "$(cat /from/first /from/second | tr -d '\\n')" = ${round}${round}\n`,
    },
    {
      Dockerfile:
        `${shared}COPY --chown=1:2 tree /tree\nWORKDIR /made/here\nRUN seq 20000 > many; rm /first\n` +
        `RUN test ! -e /first && test "$(cat /tree/b/c)" = ${round} && test $(wc -l < many) = 20000\n`,
      'tree/a': 'a',
      'tree/b/c': String(round),
    },
    {
      Dockerfile: `FROM busybox\nENV R=${round}\nADD a.tar /a/\nRUN cp -r /a /b; sleep 0.3\nRUN test $(ls /a /b | wc -l) = 43\n`,
      'a.tar': { type: 'file', content: archive } as never,
    },
  ]
}

export interface BuildStormReport {
  rounds: number
  /** Builds that ended before the kill, and steps that the next ones found. */
  ended: number
  found: number
}

export async function buildStorm(o: { rounds: number; seed: number }): Promise<BuildStormReport> {
  await using daemon = await TestDaemon.start()
  const random = new Random(o.seed)
  const entries = Array.from({ length: 20 }, (_, n) => ({ name: `file-${n}`, content: `${n}` }))
  const archive = await tarOf(entries)
  const report: BuildStormReport = { rounds: o.rounds, ended: 0, found: 0 }
  for (let round = 0; round < o.rounds; round++) {
    const when = `round ${round} of seed ${o.seed}`
    const all = sources(round, archive)
    const running = Array.from({ length: BUILDERS }, (_, n) =>
      attempt(daemon, all[n % all.length]!, n),
    )
    const leaving = leave(daemon, all[0]!)
    await delay(20 + random.next() * 2000)
    await daemon.crash()
    report.ended += (await Promise.all(running)).filter(Boolean).length
    leaving.destroy()
    const mark = daemon.log.length
    await daemon.boot()
    await until('the restore', () => daemon.log.slice(mark).includes('restored'))
    await until(`no step of ${when}`, async () => (await containers(daemon)) === 0)
    await inOrder(daemon, when)
    const next = await Promise.all(all.map((files) => built(daemon, files, { t: 'storm' })))
    report.found += next.reduce((sum, made) => sum + cachedSteps(made), 0)
    if (random.chance(0.3)) await daemon.api.post('/build/prune?all=1')
  }
  await daemon.api.delete('/images/storm')
  await daemon.api.post('/build/prune?all=1')
  await daemon.api.post(`/images/prune?filters=${encodeURIComponent('{"dangling":["false"]}')}`)
  const { body } = await daemon.api.post<FsckReport>('/fsck?deep=1')
  assert.deepEqual(body.Findings, [])
  const left = body.Owners.filter(({ Bytes }) => Bytes > 0).map(({ Owner }) => Owner)
  assert.ok(!left.includes('layers'), `left: ${left.join()}`)
  return report
}

/** Whether it ended well; the daemon may go meanwhile. */
async function attempt(
  daemon: TestDaemon,
  files: Parameters<typeof contextOf>[0],
  n: number,
): Promise<boolean> {
  try {
    const made = await build(daemon, files, { t: `storm:${n}` })
    assert.equal(made.error, '', made.text)
    // An answer that was cut off has no error either.
    return made.text.includes('Successfully tagged')
  } catch (error) {
    if (error instanceof assert.AssertionError) throw error
    return false
  }
}

/** A build whose client goes after a moment. */
function leave(daemon: TestDaemon, files: Parameters<typeof contextOf>[0]): http.ClientRequest {
  const request = http.request({
    ...{ socketPath: daemon.socket, method: 'POST', path: '/build?nocache=1' },
    headers: { 'Content-Type': 'application/x-tar' },
  })
  request.on('error', () => {})
  request.on('response', (response) => response.on('error', () => {}).resume())
  void contextOf(files).then((body) => request.end(body))
  setTimeout(() => request.destroy(), 300)
  return request
}

async function containers(daemon: TestDaemon): Promise<number> {
  return (await daemon.api.get<unknown[]>('/containers/json?all=1')).body.length
}

async function inOrder(daemon: TestDaemon, when: string): Promise<void> {
  const { status, body, text } = await daemon.api.post<FsckReport>('/fsck?deep=1')
  assert.equal(status, 200, text)
  assert.deepEqual(body.Findings, [], when)
}
