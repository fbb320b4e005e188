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

test('actions with a detail match by their first word', () => {
  assert.ok(matches({ event: ['exec_create'] }, { action: 'exec_create: sh -c ls' }))
  assert.ok(!matches({ event: ['exec_cre'] }, { action: 'exec_create: sh' }))
})

test('containers by id prefix or name, images with or without tag', () => {
  assert.ok(matches({ container: ['abc'] }))
  assert.ok(matches({ container: ['web'] }))
  assert.ok(!matches({ container: ['xyz'] }))
  assert.ok(!matches({ container: ['abc'] }, { type: 'network' }))
  assert.ok(matches({ image: ['host:5000/app'] }))
  assert.ok(matches({ image: ['app:9'] }, { type: 'image', attributes: { name: 'app:1' } }))
  assert.ok(!matches({ image: ['other'] }))
})

test('legacy fields are there below 1.52 only', () => {
  const old = toMessage(event(), '1.51')
  assert.deepEqual([old.status, old.id, old.from], ['start', 'abcdef', 'host:5000/app:1'])
  const now = toMessage(event(), '1.52')
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
