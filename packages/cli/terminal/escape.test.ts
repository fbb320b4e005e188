import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkDetachKeys, EscapeFilter, parseDetachKeys } from './escape.ts'

test('key sequences', () => {
  assert.deepEqual([...parseDetachKeys('ctrl-p,ctrl-q')], [16, 17])
  assert.deepEqual([...parseDetachKeys('a,ctrl-@,ctrl-[,ctrl-_')], [97, 0, 27, 31])
  assert.throws(() => checkDetachKeys('foo'), {
    message: "invalid detach keys (foo): Unknown character: 'foo'",
  })
})

/** Pushes chunks; answers what was passed on and whether it detached. */
function type(keys: string, ...chunks: string[]): [string, boolean] {
  const filter = new EscapeFilter(parseDetachKeys(keys))
  let passed = ''
  for (const chunk of chunks) {
    const { pass, detached } = filter.push(Buffer.from(chunk))
    passed += pass.toString()
    if (detached) return [passed, true]
  }
  return [passed, false]
}

test('the sequence detaches, also in pieces; what is only its beginning goes through', () => {
  assert.deepEqual(type('ctrl-p,ctrl-q', 'ab\x10\x11cd'), ['ab', true])
  assert.deepEqual(type('ctrl-p,ctrl-q', 'a\x10', '\x11'), ['a', true])
  assert.deepEqual(type('ctrl-p,ctrl-q', 'a\x10', 'b'), ['a\x10b', false])
  assert.deepEqual(type('ctrl-p,ctrl-q', '\x10', '\x10', '\x11'), ['\x10', true])
  assert.deepEqual(type('a,b', 'aab'), ['a', true])
  assert.deepEqual(type('x', 'yx'), ['y', true])
})
