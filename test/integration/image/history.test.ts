/** `GET /images/{name}/history`. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { ImageHistoryResponseItem } from '@tdocker/api'
import { TestDaemon } from '../../lib/test-daemon.ts'
import { inspect, list, step, tag } from './verbs-rig.ts'

let daemon: TestDaemon
before(async () => (daemon = await TestDaemon.start()))
after(() => daemon[Symbol.asyncDispose]())

async function history(name: string, query = ''): Promise<ImageHistoryResponseItem[]> {
  const path = `/images/${name}/history${query}`
  const answer = await daemon.api.get<ImageHistoryResponseItem[]>(path)
  assert.equal(answer.status, 200, answer.text)
  return answer.body
}

test('steps newest first, with ids of the images that are here, sizes and tags', async () => {
  const script = 'dd if=/dev/zero of=/zeros bs=1000 count=3 2>/dev/null'
  const first = await step(daemon, 'busybox', script, { comment: 'some zeros' })
  const second = await step(daemon, first, 'true', { author: 'me' })
  await tag(daemon, second, 'second:b')
  await tag(daemon, second, 'second:a')
  const [top, middle, bottom, ...more] = await history('second:a')
  assert.deepEqual(more, [])
  const base = await inspect(daemon, 'busybox')
  assert.deepEqual(top, {
    Id: second,
    Created: top?.Created,
    CreatedBy: 'sh -c true',
    Tags: ['second:a', 'second:b'],
    Size: 0,
    Comment: '',
  })
  assert.ok(Math.abs((top?.Created ?? 0) - Date.now() / 1000) < 60)
  assert.deepEqual(middle, {
    Id: first,
    Created: middle?.Created,
    CreatedBy: `sh -c ${script}`,
    Tags: null,
    Size: 3000,
    Comment: 'some zeros',
  })
  assert.deepEqual(bottom, {
    Id: base.Id,
    Created: bottom?.Created,
    CreatedBy: '',
    Tags: ['busybox:latest'],
    Size: base.Size,
    Comment: 'Imported from -',
  })
  const [mine] = (await list(daemon, { all: '1' })).filter(({ Id }) => Id === second)
  assert.equal(mine?.ParentId, first)
})

test('whose parents are not here: <missing>', async () => {
  const parent = await step(daemon, 'busybox', 'echo 1 > /1', { repo: 'parent' })
  const child = await step(daemon, parent, 'echo 2 > /2', { repo: 'child' })
  // An image that came from elsewhere knows no parents.
  const { text } = await daemon.api.get('/images/child/history')
  assert.ok(text.includes(child))
  await daemon.api.request('DELETE', `/images/${child}?force=1&noprune=1`)
  assert.deepEqual(
    (await history('parent')).map(({ Id }) => Id),
    [parent, (await inspect(daemon, 'busybox')).Id],
  )
})

test('no such image, another platform, a platform that is none', async () => {
  const cases: Array<[string, number, RegExp]> = [
    ['/images/nobody/history', 404, /^No such image: nobody:latest$/],
    ['/images/busybox/history?platform={}', 400, /^both OS and Architecture must be provided$/],
    [
      `/images/busybox/history?platform=${encodeURIComponent('{"os":"linux","architecture":"s390x"}')}`,
      404,
      /does not match the specified platform/,
    ],
  ]
  for (const [path, status, message] of cases) {
    const answer = await daemon.api.get<{ message: string }>(path)
    assert.equal(answer.status, status, answer.text)
    assert.match(answer.body.message, message)
  }
  const old = await daemon.api.get('/v1.47/images/busybox/history?platform=x')
  assert.equal(old.status, 200)
})
