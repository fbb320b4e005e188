import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatAddress, formatPrefix, parseAddress, parsePrefix, type Prefix } from './address.ts'
import { AddressSpace, chooseSubnet, DEFAULT_POOLS, parsePool } from './ipam.ts'

const block = (text: string): Prefix => {
  const { family, base, length } = parsePrefix(text) ?? assert.fail(text)
  return { family, base, length }
}
const address = (text: string) => parseAddress(text) ?? assert.fail(text)
const chosen = (...taken: string[]) => {
  const subnet = chooseSubnet({ pools: DEFAULT_POOLS, family: 4, taken: taken.map(block) })
  return subnet && formatPrefix(subnet)
}
const next = (space: AddressSpace) => {
  const given = space.allocate()
  return given && formatAddress(given)
}

test('the default pools, in order, around what is taken', () => {
  assert.equal(chosen(), '172.17.0.0/16')
  assert.equal(chosen('172.17.5.0/24'), '172.18.0.0/16')
  assert.equal(chosen('172.16.0.0/12'), '192.168.0.0/20')
  assert.equal(chosen('172.16.0.0/12', '192.168.1.0/24', '192.168.16.0/24'), '192.168.32.0/20')
  assert.equal(chosen('172.16.0.0/12', '192.168.0.0/16'), '10.192.0.0/24')
  assert.equal(chosen('172.16.0.0/12', '192.168.0.0/16', '10.0.0.0/8'), undefined)
})

test('the default pools make hundreds of networks, Docker’s 31 first', () => {
  const taken: Prefix[] = []
  for (let i = 0; i < 500; i++) {
    const subnet = chooseSubnet({ pools: DEFAULT_POOLS, family: 4, taken })
    taken.push(subnet ?? assert.fail(`only ${i}`))
  }
  assert.equal(formatPrefix(taken[30]!), '192.168.240.0/20')
  assert.equal(formatPrefix(taken[31]!), '10.192.0.0/24')
  assert.equal(formatPrefix(taken[499]!), '10.193.212.0/24')
})

test('pools that are taken whole cost nothing', () => {
  const taken = [block('172.16.0.0/12'), block('192.168.0.0/16'), block('10.0.0.0/9')]
  const start = performance.now()
  for (let i = 0; i < 1000; i++) chooseSubnet({ pools: DEFAULT_POOLS, family: 4, taken })
  assert.ok(performance.now() - start < 2000)
})

test('a subnet of a wished size, and of IPv6', () => {
  const pools = [...DEFAULT_POOLS, parsePool('fd00:1::/48', 64)!]
  const small = chooseSubnet({ pools, family: 4, size: 28, taken: [block('172.17.0.0/28')] })
  assert.equal(small && formatPrefix(small), '172.17.0.16/28')
  const wide = chooseSubnet({ pools, family: 6, taken: [block('fd00:1::/64')] })
  assert.equal(wide && formatPrefix(wide), 'fd00:1:0:1::/64')
  assert.equal(chooseSubnet({ pools, family: 4, size: 8, taken: [] }), undefined)
})

test('a pool must hold its subnets', () => {
  assert.deepEqual(parsePool('10.10.0.0/16', 24)?.base, block('10.10.0.0/16'))
  for (const [base, size] of [
    ['10.10.0.0/16', 8],
    ['10.10.0.0/16', 31],
    ['nonsense', 24],
    ['fd00::/48', 40],
  ] as const)
    assert.equal(parsePool(base, size), undefined)
})

test('addresses ascend and wrap, a freed one comes last', () => {
  const space = new AddressSpace(block('10.0.0.0/29'))
  assert.ok(space.take(address('10.0.0.1')))
  assert.deepEqual([next(space), next(space)], ['10.0.0.2', '10.0.0.3'])
  space.free(address('10.0.0.2'))
  assert.deepEqual(
    Array.from({ length: 5 }, () => next(space)),
    ['10.0.0.4', '10.0.0.5', '10.0.0.6', '10.0.0.2', undefined],
  )
})

test('a given address is taken once, and only of the subnet', () => {
  const space = new AddressSpace(block('10.0.0.0/29'))
  assert.ok(space.take(address('10.0.0.2')))
  for (const bad of ['10.0.0.2', '10.0.0.0', '10.0.0.7', '10.0.0.16', 'fd00::2'])
    assert.ok(!space.take(address(bad)), bad)
  assert.equal(next(space), '10.0.0.1')
})

test('a range bounds what is handed out, not what is asked for', () => {
  const space = new AddressSpace(block('10.0.0.0/24'), block('10.0.0.128/30'))
  assert.ok(space.take(address('10.0.0.1')))
  assert.deepEqual([space.inUse, space.available], [3, 4])
  assert.deepEqual(
    Array.from({ length: 5 }, () => next(space)),
    ['10.0.0.128', '10.0.0.129', '10.0.0.130', '10.0.0.131', undefined],
  )
  assert.equal(space.available, 0)
})

test('tiny and huge subnets', () => {
  const pair = new AddressSpace(block('10.0.0.4/31'))
  assert.deepEqual([next(pair), next(pair), next(pair)], ['10.0.0.4', '10.0.0.5', undefined])
  const wide = new AddressSpace(block('fd00::/64'))
  assert.deepEqual([next(wide), next(wide)], ['fd00::1', 'fd00::2'])
  wide.free(address('fd00::1'))
  assert.equal(next(wide), 'fd00::3')
  assert.ok(wide.take(address('fd00::ffff:0:0:1')))
})
