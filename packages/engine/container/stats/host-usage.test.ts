import assert from 'node:assert/strict'
import { test } from 'node:test'
import { kernelHostUsage, parseNetDev, parseProcStat } from './host-usage.ts'

test('CPU time is the sum of seven fields in nanoseconds', () => {
  const text =
    'cpu  1 2 3 4 5 6 7 100 200 300\ncpu0 1 0 0 0 0 0 0 0 0 0\ncpu1 0 0 0 0 0 0 0 0 0 0\nintr 5\ncpu9 no\n'
  assert.deepEqual(parseProcStat(text), { usageNs: 280_000_000, online: 2 })
})

test('interfaces with their counters', () => {
  const text = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:       0       0    0    0    0     0          0         0        0       0    0    0    0     0       0          0
  eth0: 2792773140   73011    1    2    0     0          0         0  5442548   50110    3    4    0     0       0          0
`
  assert.deepEqual(parseNetDev(text).get('eth0'), {
    rxBytes: 2792773140,
    rxPackets: 73011,
    rxErrors: 1,
    rxDropped: 2,
    txBytes: 5442548,
    txPackets: 50110,
    txErrors: 3,
    txDropped: 4,
  })
})

test('this machine has a CPU, memory and a loopback; a process that is gone has nothing', () => {
  const { online, usageNs } = kernelHostUsage.cpu()
  assert.ok(online >= 1 && usageNs > 0)
  assert.ok(kernelHostUsage.memoryBytes > 0)
  assert.ok(kernelHostUsage.interfaces(process.pid)?.has('lo'))
  assert.equal(kernelHostUsage.interfaces(2 ** 22 + 1), undefined)
})
