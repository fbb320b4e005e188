import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  allCapabilities,
  capabilitiesOfMask,
  defaultCapabilities,
  normalizeCapabilities,
  tweakCapabilities,
} from './capabilities.ts'

const tweak = (add: string[], drop: string[], privileged = false): string[] =>
  tweakCapabilities({ add, drop, privileged })

test('nothing added, nothing dropped: the default 14', () => {
  assert.deepEqual(tweak([], []), defaultCapabilities)
  assert.equal(defaultCapabilities.length, 14)
})

test('names in any case, with and without CAP_', () => {
  assert.deepEqual(normalizeCapabilities(['net_admin', 'CAP_SYS_TIME', 'cap_bpf', 'all']), [
    'NET_ADMIN',
    'SYS_TIME',
    'BPF',
    'ALL',
  ])
})

test('drop, then add; no name twice', () => {
  const caps = tweak(['SYS_ADMIN', 'CHOWN', 'SYS_ADMIN'], ['CHOWN', 'KILL'])
  assert.ok(caps.includes('SYS_ADMIN') && caps.includes('CHOWN') && !caps.includes('KILL'))
  assert.equal(new Set(caps).size, caps.length)
})

test('ALL', () => {
  assert.deepEqual(tweak(['ALL'], []), allCapabilities)
  assert.deepEqual(
    tweak(['ALL'], ['SYS_ADMIN']),
    allCapabilities.filter((name) => name !== 'SYS_ADMIN'),
  )
  assert.deepEqual(tweak([], ['ALL']), [])
  assert.deepEqual(tweak(['CHOWN'], ['all']), ['CHOWN'])
  assert.deepEqual(tweak(['ALL'], ['ALL']), allCapabilities)
})

test('privileged has everything, whatever is dropped', () => {
  assert.deepEqual(tweak([], ['ALL'], true), allCapabilities)
})

test('an unknown name and one the daemon lacks', () => {
  assert.throws(() => tweak(['NOPE'], []), { message: 'unknown capability: "CAP_NOPE"' })
  assert.throws(() => tweak([], ['cap_']), { message: 'unknown capability: "CAP_"' })
  assert.throws(
    () => tweakCapabilities({ add: ['BPF'], drop: [], privileged: false, available: ['CHOWN'] }),
    {
      message:
        'capability not supported by your kernel or not available in the current environment: "CAP_BPF"',
    },
  )
})

test('ALL and privileged stop at what the daemon has', () => {
  const available = ['CHOWN', 'KILL']
  const o = { add: ['ALL'], drop: [], privileged: false, available }
  assert.deepEqual(tweakCapabilities(o), available)
  assert.deepEqual(tweakCapabilities({ ...o, add: [], privileged: true }), available)
})

test('bits of /proc/PID/status', () => {
  assert.deepEqual(capabilitiesOfMask('0000000000000001'), ['CHOWN'])
  assert.deepEqual(capabilitiesOfMask('1ffffffffff'), allCapabilities)
  assert.ok(!capabilitiesOfMask('000001fffeffffff').includes('SYS_RESOURCE'))
})
