import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parsePs } from './top.ts'

test('keeps the container’s pids, and threads below them', () => {
  const output = [
    'UID        PID  CMD',
    'root         1  /sbin/init splash',
    'root         -  thread-of-1',
    'root        42  sleep 100  now',
    'root         -  thread of 42',
    'root       420  other',
    '',
  ].join('\n')
  assert.deepEqual(parsePs(output, new Set([42])), {
    Titles: ['UID', 'PID', 'CMD'],
    Processes: [
      ['root', '42', 'sleep 100 now'],
      ['root', '-', 'thread of 42'],
    ],
  })
})

test('a listing without pids is an error', () => {
  assert.throws(() => parsePs('USER CMD\n', new Set()), /Couldn't find PID field in ps output/)
})
