import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { TestDaemon } from '../../lib/test-daemon.ts'

let daemon: TestDaemon
before(async () => (daemon = await TestDaemon.start()))
after(() => daemon[Symbol.asyncDispose]())

interface Report {
  ContainersDeleted: string[] | null
  SpaceReclaimed: number
}

const prune = (filters?: object) =>
  daemon.api.post<Report & { message: string }>(
    `/containers/prune${filters ? `?filters=${encodeURIComponent(JSON.stringify(filters))}` : ''}`,
  )

async function create(labels: Record<string, string> = {}): Promise<string> {
  const body = { Image: 'busybox', Cmd: ['true'], Labels: labels }
  return (await daemon.api.post<{ Id: string }>('/containers/create', body)).body.Id
}

beforeEach(async () => {
  await prune()
})

test('what does not run goes, with its bytes counted; what runs stays', async () => {
  const HostConfig = { NetworkMode: 'none' }
  const running = await daemon.run({ Cmd: ['sleep', '1000'], HostConfig })
  const write = ['dd', 'if=/dev/zero', 'of=/big', 'bs=1024', 'count=100']
  const exited = await daemon.run({ Cmd: write, HostConfig })
  await daemon.wait(exited)
  const created = await create()
  const since = Date.now() / 1000
  const { status, body } = await prune()
  assert.equal(status, 200)
  assert.deepEqual(body.ContainersDeleted?.toSorted(), [exited, created].toSorted())
  assert.ok(body.SpaceReclaimed >= 100 * 1024, String(body.SpaceReclaimed))
  const events = await daemon.api.get(
    `/events?since=${since.toFixed(3)}&until=${(Date.now() / 1000 + 0.01).toFixed(3)}`,
  )
  const told = events.text.split('\n').filter((line) => line.includes('"prune"'))
  assert.equal(told.length, 1)
  const event = JSON.parse(told[0]!) as { Type: string; Actor: object }
  assert.equal(event.Type, 'container')
  assert.deepEqual(event.Actor, {
    ID: '',
    Attributes: { reclaimed: String(body.SpaceReclaimed) },
  })
  assert.deepEqual((await prune()).body, { ContainersDeleted: null, SpaceReclaimed: 0 })
  assert.equal((await daemon.api.get(`/containers/${running}/json`)).status, 200)
  await daemon.api.delete(`/containers/${running}?force=1`)
})

test('label, label! and until choose', async () => {
  const plain = await create()
  const one = await create({ a: '1' })
  const both = await create({ a: '1', b: '2' })
  const pruned = async (filters: object) =>
    (await prune(filters)).body.ContainersDeleted?.toSorted() ?? null
  assert.equal(await pruned({ until: ['1h'] }), null)
  assert.equal(await pruned({ until: ['2001-01-01'] }), null)
  assert.equal(await pruned({ label: ['a=2'] }), null)
  assert.equal(await pruned({ label: ['a', 'c'] }), null)
  assert.deepEqual(await pruned({ 'label!': ['a'] }), [plain])
  assert.deepEqual(await pruned({ label: ['a=1', 'b'] }), [both])
  assert.deepEqual(await pruned({ until: { [String(Date.now() / 1000 + 1)]: true } }), [one])
})

test('what no filter can mean is refused, and nothing goes', async () => {
  const kept = await create()
  const refused: Array<[object, string]> = [
    [{ status: ['exited'] }, "invalid filter 'status'"],
    [{ until: ['1h', '2h'] }, 'more than one until filter specified'],
    [
      { until: ['soon'] },
      'failed to parse value as time or duration: invalid seconds "soon": invalid syntax',
    ],
    [{ until: [''] }, 'failed to parse value as time or duration: value is empty'],
  ]
  for (const [filters, message] of refused) {
    const answer = await prune(filters)
    assert.deepEqual([answer.status, answer.body], [400, { message }])
  }
  assert.equal((await daemon.api.get(`/containers/${kept}/json`)).status, 200)
})

test('a prune that finds another one running is a conflict', async () => {
  await Promise.all(Array.from({ length: 20 }, () => create()))
  const answers = await Promise.all([prune(), prune(), prune()])
  const conflicts = answers.filter(({ status }) => status === 409)
  assert.equal(answers.filter(({ status }) => status === 200).length, 1)
  assert.equal(conflicts.length, 2)
  for (const { body } of conflicts)
    assert.deepEqual(body, { message: 'a prune operation is already running' })
})
