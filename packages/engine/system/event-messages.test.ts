import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { EngineEvent } from '../event/event-log.ts'
import { eventMatcher, toMessage } from './event-messages.ts'
import { parseOsRelease } from './host.ts'

const event = (o: Partial<EngineEvent> = {}): EngineEvent => ({
  seq: 1,
  timeNs: 1_790_000_000_123_456_789n,
  type: 'container',
  action: 'start',
  actorId: 'abcdef',
  attributes: { name: 'web', image: 'host:5000/app:1', role: 'db' },
  ...o,
})
const matches = (filters: Record<string, string[]>, o: Partial<EngineEvent> = {}): boolean =>
  eventMatcher(new Map(Object.entries(filters)))(event(o))

test('values of a key are alternatives, keys must all hold, labels each', () => {
  assert.ok(matches({}))
  assert.ok(matches({ event: ['die', 'start'] }))
  assert.ok(!matches({ event: ['start'], type: ['image'] }))
  assert.ok(matches({ label: ['role=db', 'name'] }))
  assert.ok(!matches({ label: ['role=db', 'absent'] }))
})

test('actions with a detail match by their beginning, when one of these is asked for', () => {
  const created = { action: 'exec_create: sh -c ls' }
  assert.ok(matches({ event: ['exec_create'] }, created))
  assert.ok(matches({ event: ['exec_create: sh -c ls'] }, created))
  assert.ok(!matches({ event: ['exec_cre'] }, created))
  assert.ok(matches({ event: ['health_status'] }, { action: 'health_status: healthy' }))
  assert.ok(!matches({ event: ['sta'] }))
})

test('actors by the beginning of id or name, whatever they are', () => {
  assert.ok(matches({ container: ['abc'] }))
  assert.ok(matches({ container: ['we'] }))
  assert.ok(!matches({ container: ['xyz'] }))
  // As in moby: the key does not look at the type.
  assert.ok(matches({ volume: ['web'] }))
  assert.ok(!matches({ node: ['x'] }))
  assert.ok(matches({ unknown: ['x'] }))
  assert.ok(!matches({ daemon: ['x'] }, { attributes: {} }))
})

test('images with or without tag, containers by theirs', () => {
  assert.ok(matches({ image: ['host:5000/app'] }))
  assert.ok(matches({ image: ['host:5000/app:1'] }))
  assert.ok(!matches({ image: ['host:5000/app:2'] }))
  assert.ok(!matches({ image: ['other'] }))
  const pulled: Partial<EngineEvent> = {
    type: 'image',
    actorId: 'busybox:latest',
    attributes: { name: 'busybox' },
  }
  assert.ok(matches({ image: ['busybox'] }, pulled))
  assert.ok(matches({ image: ['busybox:latest'] }, pulled))
})

test('a message has the newest form', () => {
  const now = toMessage(event())
  assert.ok(!('status' in now) && !('id' in now))
  assert.equal(now.timeNano, 1_790_000_000_123_456_789n)
  assert.equal(now.time, 1_790_000_000)
})

test('os-release values lose their quotes', () => {
  const values = parseOsRelease('PRETTY_NAME="Debian GNU/Linux 12"\nVERSION_ID=12\n# no\n')
  assert.deepEqual(
    [...values],
    [
      ['PRETTY_NAME', 'Debian GNU/Linux 12'],
      ['VERSION_ID', '12'],
    ],
  )
})
