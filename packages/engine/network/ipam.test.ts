import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatPrefix, parsePrefix, type Prefix } from './address.ts'
import { AddressSpace, chooseSubnet, DEFAULT_POOLS, parsePool } from './ipam.ts'

const block = (text: string): Prefix => parsePrefix(text) ?? assert.fail(text)
const chosen = (...taken: string[]) => {
  const subnet = chooseSubnet(DEFAULT_POOLS, taken.map(block))
  return subnet && formatPrefix(subnet)
}

test('the default pools, in order, around what is taken', () => {
  assert.equal(chosen(), '172.17.0.0/16')
  assert.equal(chosen('172.17.5.0/24'), '172.18.0.0/16')
  assert.equal(chosen('172.16.0.0/12'), '192.168.0.0/20')
  assert.equal(chosen('172.16.0.0/12', '192.168.1.0/24', '192.168.16.0/24'), '192.168.32.0/20')
  assert.equal(chosen('172.16.0.0/12', '192.168.0.0/16'), undefined)
})

test('the default pools make 31 networks', () => {
  const taken: Prefix[] = []
  for (let subnet = chooseSubnet(DEFAULT_POOLS, taken); subnet;) {
    taken.push(subnet)
    subnet = chooseSubnet(DEFAULT_POOLS, taken)
  }
  assert.equal(taken.length, 31)
})

test('a pool must hold its subnets', () => {
  assert.deepEqual(parsePool('10.10.0.0/16', 24)?.base, { base: 0x0a0a0000, length: 16 })
  assert.equal(parsePool('10.10.0.0/16', 8), undefined)
  assert.equal(parsePool('10.10.0.0/16', 31), undefined)
  assert.equal(parsePool('nonsense', 24), undefined)
})

test('addresses ascend and wrap, a freed one comes last', () => {
  const space = new AddressSpace(block('10.0.0.0/29'), [0x0a000001])
  const first = space.allocate()
  assert.equal(first, 0x0a000002)
  assert.equal(space.allocate(), 0x0a000003)
  space.free(0x0a000002)
  assert.deepEqual(
    Array.from({ length: 5 }, () => space.allocate()),
    [0x0a000004, 0x0a000005, 0x0a000006, 0x0a000002, undefined],
  )
})

test('a given address is taken once, and only of the subnet', () => {
  const space = new AddressSpace(block('10.0.0.0/29'), [0x0a000001])
  assert.ok(space.take(0x0a000002))
  assert.ok(!space.take(0x0a000002))
  assert.ok(!space.take(0x0a000001))
  assert.ok(!space.take(0x0a000010))
  assert.equal(space.allocate(), 0x0a000003)
})
