import assert from 'node:assert/strict'
import { test } from 'node:test'
import { chooseGateways, type GatewayCandidate } from './gateways.ts'

const on = (network: string, more: Partial<GatewayCandidate> = {}): GatewayCandidate => ({
  id: network,
  network,
  priority: 0,
  internal: false,
  4: true,
  6: false,
  ...more,
})

test('priority first, then networks by name', () => {
  assert.deepEqual(chooseGateways([on('b'), on('a')]), { 4: 'a', 6: undefined })
  assert.equal(chooseGateways([on('a'), on('b', { priority: 1 })])[4], 'b')
  assert.equal(chooseGateways([on('a', { priority: -1 }), on('b')])[4], 'b')
})

test('internal networks carry no route, dual-stack ones come before single ones', () => {
  assert.equal(chooseGateways([on('a', { internal: true, 4: false }), on('b')])[4], 'b')
  assert.deepEqual(chooseGateways([on('a'), on('b', { 6: true })]), { 4: 'b', 6: 'b' })
  assert.deepEqual(chooseGateways([on('a', { priority: 2 }), on('b', { 6: true })]), {
    4: 'a',
    6: 'b',
  })
  assert.deepEqual(chooseGateways([]), { 4: undefined, 6: undefined })
})
