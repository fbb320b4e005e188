import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { LineBuffer, parseExitRecord, parseNotice } from './notice.ts'

void describe('parseNotice', () => {
  void it('reads what a shim says', () => {
    assert.deepEqual(parseNotice('started 12'), { kind: 'started', pid: 12 })
    assert.deepEqual(parseNotice('detached'), { kind: 'detached' })
    assert.deepEqual(parseNotice('exited 137 9 1795267561620932648'), {
      kind: 'exited',
      exit: { exitCode: 137, signal: 9, finishedAtNs: 1795267561620932648n },
    })
    assert.deepEqual(parseNotice('failed exec 2'), { kind: 'failed', stage: 'exec', errno: 2 })
    assert.deepEqual(parseNotice('failed mount /a b 13'), {
      kind: 'failed',
      stage: 'mount /a b',
      errno: 13,
    })
  })

  void it('passes over what it does not know', () => {
    for (const line of ['', 'checkpointed 1', 'failed 2'])
      assert.equal(parseNotice(line), undefined)
  })

  void it('refuses what is not a number', () => {
    for (const line of ['started x', 'started', 'exited 1 2 -3', 'exited 0', 'failed exec x'])
      assert.throws(() => parseNotice(line), RangeError, line)
  })
})

void describe('parseExitRecord', () => {
  void it('reads version 1 and no other', () => {
    assert.deepEqual(parseExitRecord('1 3 0 5\n'), { exitCode: 3, signal: 0, finishedAtNs: 5n })
    for (const text of ['2 3 0 5\n', '', '1 3 0\n', '1 a 0 5\n'])
      assert.throws(() => parseExitRecord(text), RangeError, text)
  })
})

void it('LineBuffer keeps what is unfinished', () => {
  const lines = new LineBuffer()
  assert.deepEqual(lines.push(Buffer.from('a\nb')), ['a'])
  assert.deepEqual(lines.push(Buffer.from('c')), [])
  assert.deepEqual(lines.push(Buffer.from('\n\nd\n')), ['bc', '', 'd'])
})
