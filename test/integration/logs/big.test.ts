/** A log of 64 MB: places in it are found without reading it. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { TestDaemon } from '../../lib/test-daemon.ts'
import { best, type BigLog, makeBigLog, readSpeed, TEXT_SIZE } from './big-log.ts'

let daemon: TestDaemon
let log: BigLog
before(async () => {
  daemon = await TestDaemon.start({ base: '/var/tmp' })
  log = await makeBigLog(daemon, 64e6)
})
after(() => daemon[Symbol.asyncDispose]())

test('tail answers from the end', async () => {
  const text = await daemon.logs(log.id, 'stdout=1&tail=100')
  assert.equal(text.length, 100 * TEXT_SIZE)
  assert.ok(text.startsWith(log.textOf(log.lines - 100)))
  const ms = await best(10, async () => (await readSpeed(daemon, log.id, 'tail=100')).ms)
  assert.ok(ms < 50, `tail=100: ${ms.toFixed(1)} ms`)
})

test('since and until are found by bisecting', async () => {
  const middle = Math.floor(log.lines / 2)
  const seconds = (line: number): number => Date.parse(log.timeOf(line)) / 1000
  const query = `since=${seconds(middle)}&until=${seconds(middle + 9)}`
  const text = await daemon.logs(log.id, `stdout=1&${query}`)
  const expected = Array.from({ length: 10 }, (_, n) => log.textOf(middle + n)).join('')
  assert.equal(text, expected)
  const ms = await best(10, async () => (await readSpeed(daemon, log.id, query)).ms)
  assert.ok(ms < 50, `since: ${ms.toFixed(1)} ms`)
})

test('all of it, whole and in order', async () => {
  const { bytes, first, last, ms } = await readSpeed(daemon, log.id, '')
  assert.equal(bytes, log.lines * (TEXT_SIZE + 8))
  assert.ok(first.startsWith(log.textOf(0)))
  assert.ok(last.endsWith(log.textOf(log.lines - 1)))
  const stamped = await readSpeed(daemon, log.id, 'timestamps=1')
  assert.equal(stamped.bytes, log.lines * (TEXT_SIZE + 8 + 31))
  console.log(`# ${(bytes / ms / 1000).toFixed(0)} MB/s`)
})
