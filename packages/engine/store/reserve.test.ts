import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { Reserve } from './reserve.ts'

test('room is held in blocks, given up once, and taken again', (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'tdocker-reserve-'))
  t.after(() => rmSync(directory, { recursive: true }))
  const path = join(directory, 'reserve')
  // A daemon that died while it took the room.
  writeFileSync(path, 'half')
  const reserve = new Reserve(path)
  assert.equal(statSync(path).size, 4 << 20)
  assert.ok(statSync(path).blocks * 512 >= 4 << 20, 'not a hole')
  assert.equal(reserve.release(), true)
  assert.ok(!existsSync(path))
  assert.equal(reserve.release(), false)
  reserve.refill()
  assert.equal(statSync(path).size, 4 << 20)
  assert.equal(new Reserve(path).release(), true, 'found by the next daemon')
})

test('a place that cannot be written holds nothing', () => {
  const reserve = new Reserve('/proc/tdocker-reserve')
  assert.equal(reserve.release(), false)
})
