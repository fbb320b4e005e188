import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  contains,
  covers,
  formatAddress,
  formatHost,
  formatPrefix,
  isLinkLocal,
  macOf,
  overlaps,
  parseAddress,
  parsePrefix,
} from './address.ts'

const block = (text: string) => parsePrefix(text) ?? assert.fail(text)
const address = (text: string) => parseAddress(text) ?? assert.fail(text)

test('addresses are read strictly', () => {
  assert.deepEqual(parseAddress('172.17.0.2'), { family: 4, value: 0xac110002n })
  assert.deepEqual(parseAddress('255.255.255.255'), { family: 4, value: 0xffffffffn })
  assert.deepEqual(parseAddress('::ffff:10.0.0.1'), parseAddress('10.0.0.1'))
  for (const bad of ['', '1.2.3', '1.2.3.4.5', '256.0.0.1', '01.2.3.4', '1.2.3.4 ', 'fe80::1%eth0'])
    assert.equal(parseAddress(bad), undefined, bad)
})

test('IPv6 in its shortest form', () => {
  for (const [text, shown] of [
    ['::', '::'],
    ['::1', '::1'],
    ['fd00::', 'fd00::'],
    ['FD00:0:0:1:0:0:0:2', 'fd00:0:0:1::2'],
    ['1:0:0:2:0:0:3:4', '1::2:0:0:3:4'],
    ['1:0:2:3:4:5:6:7', '1:0:2:3:4:5:6:7'],
    ['64:ff9b::1.2.3.4', '64:ff9b::102:304'],
  ] as const)
    assert.equal(formatAddress(address(text)), shown)
})

test('a prefix knows its block and its address', () => {
  const prefix = block('192.168.17.9/20')
  assert.equal(formatPrefix(prefix), '192.168.16.0/20')
  assert.equal(formatAddress(prefix.address), '192.168.17.9')
  assert.equal(formatPrefix(block('fd00:1:2:3::5/48')), 'fd00:1:2::/48')
  assert.equal(formatHost(address('fd00::5'), block('fd00::/64')), 'fd00::5/64')
  for (const bad of [
    '10.0.0.0',
    '10.0.0.0/33',
    '10.0.0.0/',
    '10.0.0.0/8/8',
    '10.0.0.0/08',
    '::/129',
  ])
    assert.equal(parsePrefix(bad), undefined, bad)
})

test('blocks overlap when one holds the other', () => {
  assert.ok(overlaps(block('172.16.0.0/12'), block('172.17.0.0/16')))
  assert.ok(overlaps(block('172.17.0.0/16'), block('172.16.0.0/12')))
  assert.ok(!overlaps(block('172.17.0.0/16'), block('172.18.0.0/16')))
  assert.ok(overlaps(block('255.255.0.0/16'), block('255.255.255.255/32')))
  assert.ok(!overlaps(block('0.0.0.0/0'), block('::/0')))
  assert.ok(covers(block('10.0.0.0/8'), block('10.1.0.0/16')))
  assert.ok(!covers(block('10.1.0.0/16'), block('10.0.0.0/8')))
  assert.ok(contains(block('10.0.0.0/30'), address('10.0.0.3')))
  assert.ok(!contains(block('10.0.0.0/30'), address('10.0.0.4')))
  assert.ok(!contains(block('::/0'), address('10.0.0.4')))
})

test('link-local addresses', () => {
  for (const text of ['169.254.1.1', 'fe80::1', 'febf::1']) assert.ok(isLinkLocal(address(text)))
  for (const text of ['169.253.1.1', 'fec0::1', 'fd00::1']) assert.ok(!isLinkLocal(address(text)))
})

test('the hardware address follows the address', () => {
  assert.equal(macOf(address('172.17.0.2')), '02:42:ac:11:00:02')
})
