import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compareVersions, gates, since, versionProblem } from './versions.ts'

test('versions compare by number, not by text', () => {
  assert.ok(compareVersions('1.9', '1.10') < 0)
  assert.ok(compareVersions('2.0', '1.99') > 0)
  assert.equal(compareVersions('1.40', '1.40'), 0)
  assert.equal(compareVersions('1', '1.0'), 0)
  assert.ok(compareVersions('1.24.1', '1.24') > 0)
})

test('the window is 1.24 to 1.56, with moby’s sentences', () => {
  assert.equal(versionProblem('1.24'), undefined)
  assert.equal(versionProblem('1.56'), undefined)
  assert.equal(
    versionProblem('1.99'),
    'client version 1.99 is too new. Maximum supported API version is 1.56',
  )
  assert.equal(
    versionProblem('1.11'),
    'client version 1.11 is too old. Minimum supported API version is 1.24, please upgrade your client to a newer version',
  )
  assert.match(versionProblem('1.39', '1.40') ?? '', /Minimum supported API version is 1.40/)
})

test('a gate is closed below its version', () => {
  assert.equal(since('1.41', 'multiplexedStream'), false)
  assert.equal(since('1.42', 'multiplexedStream'), true)
})

test('every gate lies within the window', () => {
  for (const [gate, version] of Object.entries(gates)) {
    assert.equal(versionProblem(version), undefined, gate)
  }
})
