import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Transactions } from './rule-watch.ts'

function message(subsystem: number, type: number, payload: Buffer = Buffer.alloc(4)): Buffer {
  const buffer = Buffer.alloc((16 + payload.length + 3) & ~3)
  buffer.writeUInt32LE(16 + payload.length, 0)
  buffer.writeUInt16LE((subsystem << 8) | type, 4)
  payload.copy(buffer, 16)
  return buffer
}

function generation(thread: string): Buffer {
  const id = Buffer.from([8, 0, 1, 0, 0, 0, 0, 9])
  const name = Buffer.alloc(4 + thread.length + 1)
  name.writeUInt16LE(name.length, 0)
  name.writeUInt16LE(3, 2)
  name.write(thread, 4)
  return message(10, 15, Buffer.concat([Buffer.alloc(4), id, name]))
}

const DELTABLE = message(10, 2)
const NEWSETELEM = message(10, 12, Buffer.alloc(7))
const read = (...messages: Buffer[]): boolean =>
  new Transactions('nft-1').read(Buffer.concat(messages))

test('tables, chains and rules count, elements and generations do not', () => {
  assert.ok(read(DELTABLE, generation('nft')))
  assert.ok(read(NEWSETELEM, DELTABLE, message(10, 15)))
  assert.ok(!read(NEWSETELEM, generation('nft')))
})

test('our own transactions do not count, others beside them do', () => {
  assert.ok(!read(DELTABLE, generation('nft-1')))
  assert.ok(read(DELTABLE, generation('nft-1'), DELTABLE, generation('nft-12')))
  assert.ok(read(DELTABLE, generation('nft'), DELTABLE, generation('nft-1')))
})

test('a transaction may be told in several datagrams', () => {
  const transactions = new Transactions('nft-1')
  assert.ok(!transactions.read(DELTABLE))
  assert.ok(!transactions.read(NEWSETELEM))
  assert.ok(transactions.read(generation('iptables')))
})

test('messages of other subsystems and broken ones do not', () => {
  assert.ok(!read(message(1, 2), generation('x')))
  assert.ok(!read(Buffer.alloc(16)))
  assert.ok(!new Transactions('nft-1').read(Buffer.alloc(0)))
})
