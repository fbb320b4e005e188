import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  contains,
  formatAddress,
  formatPrefix,
  macOf,
  overlaps,
  parseAddress,
  parsePrefix,
} from './address.ts'

test('addresses are read strictly', () => {
  assert.equal(parseAddress('172.17.0.2'), 0xac110002)
  assert.equal(parseAddress('255.255.255.255'), 0xffffffff)
  for (const bad of ['', '1.2.3', '1.2.3.4.5', '256.0.0.1', '01.2.3.4', '::1', '1.2.3.4 ']) {
    assert.equal(parseAddress(bad), undefined, bad)
  }
  assert.equal(formatAddress(0xffffffff), '255.255.255.255')
})

test('a prefix knows its block and its address', () => {
  const prefix = parsePrefix('192.168.17.9/20')
  assert.ok(prefix)
  assert.equal(formatPrefix(prefix), '192.168.16.0/20')
  assert.equal(formatAddress(prefix.address), '192.168.17.9')
  assert.deepEqual(parsePrefix('0.0.0.0/0'), { base: 0, length: 0, address: 0 })
  for (const bad of ['10.0.0.0', '10.0.0.0/33', '10.0.0.0/', '10.0.0.0/8/8', 'fd00::/8']) {
    assert.equal(parsePrefix(bad), undefined, bad)
  }
})

test('blocks overlap when one holds the other', () => {
  const block = (text: string) => parsePrefix(text) ?? assert.fail(text)
  assert.ok(overlaps(block('172.16.0.0/12'), block('172.17.0.0/16')))
  assert.ok(overlaps(block('172.17.0.0/16'), block('172.16.0.0/12')))
  assert.ok(!overlaps(block('172.17.0.0/16'), block('172.18.0.0/16')))
  assert.ok(overlaps(block('255.255.0.0/16'), block('255.255.255.255/32')))
  assert.ok(contains(block('10.0.0.0/30'), 0x0a000003))
  assert.ok(!contains(block('10.0.0.0/30'), 0x0a000004))
})

test('the hardware address follows the address', () => {
  assert.equal(macOf(0xac110002), '02:42:ac:11:00:02')
})
