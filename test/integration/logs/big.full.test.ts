/** A log of 1 GB, on disk. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { TestDaemon } from '../../lib/test-daemon.ts'
import { best, type BigLog, makeBigLog, readSpeed } from './big-log.ts'

let daemon: TestDaemon
let log: BigLog
before(async () => {
  daemon = await TestDaemon.start({ base: '/var/tmp' })
  log = await makeBigLog(daemon, 1e9)
})
after(() => daemon[Symbol.asyncDispose]())

test('tail=100 takes at most 5 ms', async () => {
  const ms = await best(50, async () => (await readSpeed(daemon, log.id, 'tail=100')).ms)
  console.log(`# tail=100: ${ms.toFixed(2)} ms`)
  assert.ok(ms <= 5, `${ms.toFixed(2)} ms`)
})

test('since takes no longer than some steps of bisection', async () => {
  const since = Date.parse(log.timeOf(log.lines - 1000)) / 1000
  const ms = await best(50, async () => (await readSpeed(daemon, log.id, `since=${since}`)).ms)
  console.log(`# since: ${ms.toFixed(2)} ms`)
  assert.ok(ms <= 20, `${ms.toFixed(2)} ms`)
})

test('the whole log, with others served meanwhile', async () => {
  let slowest = 0
  let reading = true
  const pings = (async () => {
    while (reading) {
      const begin = performance.now()
      await daemon.api.get('/_ping')
      slowest = Math.max(slowest, performance.now() - begin)
    }
  })()
  const { bytes, ms } = await readSpeed(daemon, log.id, '')
  reading = false
  await pings
  console.log(`# ${(bytes / ms / 1000).toFixed(0)} MB/s, slowest ping ${slowest.toFixed(0)} ms`)
  assert.ok(bytes / ms / 1000 > 50)
})
