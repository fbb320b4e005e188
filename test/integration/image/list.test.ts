/** `GET /images/json`: filters and fields. */
import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import { after, before, test } from 'node:test'
import type { ImageSummary } from '@tdocker/api'
import { TestDaemon } from '../../lib/test-daemon.ts'
import { type Query, list, queryText, ran, step } from './verbs-rig.ts'

let daemon: TestDaemon
const ids: Record<string, string> = {}

before(async () => {
  daemon = await TestDaemon.start()
  const make = async (name: string, base: string, query: Query): Promise<void> => {
    ids[name] = await step(daemon, base, `echo ${name} > /${name}`, query)
    // A date is told to the millisecond.
    await delay(5)
  }
  await make('first', 'busybox', { repo: 'first', changes: ['LABEL kind=a', 'LABEL n=1'] })
  await make('middle', ids['first'] ?? '', {})
  await make('last', ids['middle'] ?? '', { repo: 'host:5000/last', tag: 'v1' })
  await make('dangling', 'busybox', { changes: 'LABEL kind=b' })
})
after(() => daemon[Symbol.asyncDispose]())

const nameOf = (image: ImageSummary): string =>
  Object.entries(ids).find(([, id]) => id === image.Id)?.[0] ?? 'busybox'

async function names(query: Query): Promise<string[]> {
  return (await list(daemon, query)).map(nameOf)
}

function filtered(filters: object, more: Query = {}): Promise<string[]> {
  return names({ filters: JSON.stringify(filters), ...more })
}

test('newest first; steps without a name only with all', async () => {
  assert.deepEqual(await names({}), ['dangling', 'last', 'first', 'busybox'])
  assert.deepEqual(await names({ all: '1' }), ['dangling', 'last', 'middle', 'first', 'busybox'])
  const all = new Map((await list(daemon, { all: '1' })).map((image) => [nameOf(image), image]))
  assert.equal(all.get('last')?.ParentId, ids['middle'])
  assert.deepEqual(all.get('middle')?.RepoTags, [])
  assert.deepEqual(all.get('last')?.RepoTags, ['host:5000/last:v1'])
})

test('before, since, until', async () => {
  assert.deepEqual(await filtered({ before: ['host:5000/last:v1'] }), ['first', 'busybox'])
  assert.deepEqual(await filtered({ since: ['first'] }), ['dangling', 'last'])
  assert.deepEqual(await filtered({ since: ['first'] }, { all: '1' }), [
    'dangling',
    'last',
    'middle',
  ])
  assert.deepEqual(await filtered({ since: ['busybox'], before: [ids['last']] }), ['first'])
  assert.deepEqual(await filtered({ until: ['1h'] }), [])
  assert.deepEqual(await filtered({ until: [String(Math.ceil(Date.now() / 1000) + 1)] }), [
    'dangling',
    'last',
    'first',
    'busybox',
  ])
})

test('dangling, label, reference', async () => {
  assert.deepEqual(await filtered({ dangling: ['true'] }), ['dangling'])
  assert.deepEqual(await filtered({ dangling: ['true'] }, { all: '1' }), ['dangling'])
  assert.deepEqual(await filtered({ dangling: ['0'] }), ['last', 'first', 'busybox'])
  assert.deepEqual(await filtered({ label: ['kind'] }), ['dangling', 'last', 'first'])
  assert.deepEqual(await filtered({ label: ['kind=a', 'n=1'] }), ['last', 'first'])
  assert.deepEqual(await filtered({ label: ['kind=c'] }), [])
  assert.deepEqual(await filtered({ reference: ['host:5000/*'] }), ['last'])
  assert.deepEqual(await filtered({ reference: ['*:v1', 'fir*'] }), ['last', 'first'].slice(1))
  assert.deepEqual(await filtered({ reference: ['*/*:v1', 'fir*'] }), ['last', 'first'])
})

test('what is wrong with a filter', async () => {
  const cases: Array<[string, number, string | RegExp]> = [
    ['{"dangling":["maybe"]}', 400, /^invalid filter 'dangling=/],
    ['{"dangling":["true","false"]}', 400, /^invalid filter 'dangling=/],
    ['{"until":["x"]}', 400, /^invalid value for 'until' filter: /],
    ['{"before":["nobody"]}', 404, 'No such image: nobody:latest'],
    ['{"since":["nobody:x"]}', 404, 'No such image: nobody:x'],
    ['{"made-up":["1"]}', 400, "invalid filter 'made-up'"],
    ['{"reference":["["]}', 500, 'syntax error in pattern'],
  ]
  for (const [filters, status, message] of cases) {
    const answer = await daemon.api.get<{ message: string }>(
      `/images/json?${queryText({ filters })}`,
    )
    assert.equal(answer.status, status, `${filters}: ${answer.text}`)
    if (typeof message === 'string') assert.equal(answer.body.message, message)
    else assert.match(answer.body.message, message)
  }
  const identity = await daemon.api.get<{ message: string }>('/images/json?identity=1')
  assert.equal(identity.status, 400)
  assert.equal(identity.body.message, 'conflicting options: identity requires manifests=1')
})

test('counts of containers, shared sizes, and what older clients read', async () => {
  const container = await ran(daemon, 'true', { Image: 'first' })
  const shared = await list(daemon, { 'shared-size': '1' })
  const first = shared.find((image) => nameOf(image) === 'first')
  const busybox = shared.find((image) => nameOf(image) === 'busybox')
  assert.equal(first?.Containers, 1)
  assert.equal(busybox?.Containers, 0)
  assert.equal(first?.SharedSize, first?.Size)
  assert.equal(busybox?.SharedSize, busybox?.Size)
  assert.equal((await list(daemon, {}))[0]?.SharedSize, -1)
  const { body } = await daemon.api.get<ImageSummary[]>('/v1.42/images/json')
  const [old] = body
  assert.deepEqual(old?.RepoTags, ['<none>:<none>'])
  assert.deepEqual(old?.RepoDigests, ['<none>@<none>'])
  assert.equal(old?.Containers, -1)
  assert.equal(old?.VirtualSize, old?.Size)
  await daemon.api.delete(`/containers/${container}`)
})
