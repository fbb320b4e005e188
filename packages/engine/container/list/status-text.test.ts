import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Container } from '../container.ts'
import { blankState } from '../rows.ts'
import { humanDuration, statusText } from './status-text.ts'

const SECOND = 1_000_000_000n

for (const [seconds, text] of [
  [0, 'Less than a second'],
  [1, '1 second'],
  [59, '59 seconds'],
  [60, 'About a minute'],
  [119, 'About a minute'],
  [120, '2 minutes'],
  [3599, '59 minutes'],
  [3600, 'About an hour'],
  [5400, '2 hours'],
  [47 * 3600, '47 hours'],
  [48 * 3600, '2 days'],
  [13 * 86400, '13 days'],
  [14 * 86400, '2 weeks'],
  [60 * 86400, '2 months'],
  [730 * 86400, '2 years'],
] as const)
  test(`${seconds} s is ${text}`, () => {
    assert.equal(humanDuration(BigInt(seconds) * SECOND), text)
  })

test('the text of each state', () => {
  const text = (over: Partial<Container>): string =>
    statusText({ ...blankState(), ...over } as Container, 1000n * SECOND)
  const ran = { startedNs: 900n * SECOND, finishedNs: 998n * SECOND }
  assert.equal(text({}), 'Created')
  assert.equal(text({ state: 'running', startedNs: 998n * SECOND }), 'Up 2 seconds')
  assert.equal(text({ state: 'paused', startedNs: 998n * SECOND }), 'Up 2 seconds (Paused)')
  assert.equal(text({ state: 'restarting', exitCode: 3, ...ran }), 'Restarting (3) 2 seconds ago')
  assert.equal(text({ state: 'exited', exitCode: 3, ...ran }), 'Exited (3) 2 seconds ago')
  assert.equal(text({ state: 'exited', removing: true, ...ran }), 'Removal In Progress')
  assert.equal(text({ state: 'dead', ...ran }), 'Dead')
})
