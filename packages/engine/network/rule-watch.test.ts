import assert from 'node:assert/strict'
import { test } from 'node:test'
import { tellsOfRules } from './rule-watch.ts'

function message(subsystem: number, type: number, payload = 4): Buffer {
  const buffer = Buffer.alloc((16 + payload + 3) & ~3)
  buffer.writeUInt32LE(16 + payload, 0)
  buffer.writeUInt16LE((subsystem << 8) | type, 4)
  return buffer
}

const DELTABLE = message(10, 2)
const NEWSETELEM = message(10, 12, 7)
const NEWGEN = message(10, 15)

test('tables, chains and rules count, elements and generations do not', () => {
  assert.ok(tellsOfRules(DELTABLE))
  assert.ok(!tellsOfRules(Buffer.concat([NEWSETELEM, NEWGEN])))
  assert.ok(tellsOfRules(Buffer.concat([NEWSETELEM, NEWGEN, DELTABLE])))
})

test('messages of other subsystems and broken ones do not', () => {
  assert.ok(!tellsOfRules(message(1, 2)))
  assert.ok(!tellsOfRules(Buffer.alloc(16)))
  assert.ok(!tellsOfRules(Buffer.alloc(0)))
})
