import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseDetachKeys } from './detach-keys.ts'

test('detach keys', () => {
  assert.deepEqual(parseDetachKeys(undefined), [16, 17])
  assert.deepEqual(parseDetachKeys(''), [16, 17])
  assert.deepEqual(parseDetachKeys('ctrl-a,d'), [1, 100])
  assert.deepEqual(parseDetachKeys('ctrl-@,ctrl-[,ctrl-_,DEL'), [0, 27, 31, 127])
})

for (const keys of ['ctrl-A', 'ab', 'ctrl-', 'a,', 'é'])
  test(`refuses ${keys}`, () => {
    assert.throws(() => parseDetachKeys(keys), {
      message: `Invalid detach keys (${keys}) provided`,
    })
  })
