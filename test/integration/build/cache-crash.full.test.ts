/** A daemon that is killed while it prunes or restores steps leaves before or after, nothing half. */
import assert from 'node:assert/strict'
import { request } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { after, before, test } from 'node:test'
import { TestDaemon } from '../../lib/test-daemon.ts'
import { built, cachedSteps, outputOf } from './build-rig.ts'

let daemon: TestDaemon
before(async () => (daemon = await TestDaemon.start()))
after(() => daemon[Symbol.asyncDispose]())

const steps = Array.from(
  { length: 12 },
  (_, at) => `RUN --mount=type=cache,id=m${at},target=/c echo ${at} | tee /c/f > /f${at}\n`,
)
const files = { Dockerfile: `FROM busybox\n${steps.join('')}` }

/** Sends it and does not wait. */
function send(path: string): void {
  const sent = request({ socketPath: daemon.socket, method: 'POST', path })
  sent.on('error', () => {})
  sent.on('response', (response) => response.on('error', () => {}).resume())
  sent.end()
}

async function findings(): Promise<unknown[]> {
  const { body } = await daemon.api.post<{ Findings: unknown[] }>('/fsck')
  return body.Findings ?? []
}

// Wherever it is killed, what is left is whole.
for (const ms of [0, 5, 15, 40, 80])
  test(`killed ${ms} ms into a prune`, async () => {
    await built(daemon, files)
    send('/build/prune?all=1')
    await delay(ms)
    await daemon.crash()
    await daemon.boot()
    assert.deepEqual(await findings(), [])
    const { body } = await daemon.api.get<{
      BuildCache: Array<{ ID: string; Parents?: string[] }>
    }>('/v1.51/system/df?type=build-cache')
    // No step is there without what it was made of.
    const ids = new Set(body.BuildCache.map(({ ID }) => ID))
    for (const { Parents = [] } of body.BuildCache)
      for (const parent of Parents) assert.ok(ids.has(parent))
    const again = await built(daemon, files)
    assert.ok(cachedSteps(again) <= steps.length)
    assert.equal(await outputOf(daemon, again.id, 'cat /f0 /f11'), '0\n11\n')
    assert.equal((await daemon.api.post('/build/prune?all=1')).status, 200)
    assert.deepEqual(await findings(), [])
  })
