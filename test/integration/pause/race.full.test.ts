/** Many clients pause, update and end one container at once: legal answers, and an end to it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ApiAnswer } from '../../lib/api-client.ts'
import { isFrozen } from '../../lib/cgroup-files.ts'
import { TestDaemon } from '../../lib/test-daemon.ts'

const CLIENTS = 12
const DURATION_MS = 20_000

const requests: ReadonlyArray<readonly [method: string, path: string, body?: object]> = [
  ['POST', 'pause'],
  ['POST', 'unpause'],
  ['POST', 'unpause'],
  ['POST', 'kill'],
  ['POST', 'start'],
  ['POST', 'start'],
  ['POST', 'stop?t=1'],
  ['POST', 'restart?t=0'],
  ['POST', 'update', { PidsLimit: 100 }],
  ['GET', 'stats?stream=0&one-shot=1'],
  ['GET', 'top'],
]

/** Docker's own answer to an unpause of what is not paused is 500. */
const isLegal = ({ status, text }: ApiAnswer): boolean =>
  [200, 204, 304, 409].includes(status) || (status === 500 && text.includes('is not paused'))

test('only legal answers, and a container that can be used afterwards', async () => {
  await using daemon = await TestDaemon.start()
  const id = await daemon.run(
    { Cmd: ['sleep', '600'], HostConfig: { NetworkMode: 'none' } },
    'contested',
  )
  const end = Date.now() + DURATION_MS
  const client = async (): Promise<void> => {
    while (Date.now() < end) {
      const [method, path, body] = requests[Math.floor(Math.random() * requests.length)]!
      const answer = await daemon.api.request(method, `/containers/contested/${path}`, body)
      assert.ok(isLegal(answer), `${path}: ${answer.status} ${answer.text}`)
    }
  }
  await Promise.all(Array.from({ length: CLIENTS }, client))
  assert.equal((await daemon.api.post('/containers/contested/restart?t=0')).status, 204)
  assert.ok(!isFrozen(daemon, id))
  assert.equal((await daemon.api.post('/containers/contested/pause')).status, 204)
  assert.ok(isFrozen(daemon, id))
})
