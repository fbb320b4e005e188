/** The collector on real groups, as many as a busy machine has. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { after, test } from 'node:test'
import { createCgroupDriver } from '@tdocker/kernel/cgroup/create-driver.ts'
import { loadNative } from '@tdocker/kernel/load-native.ts'
import type { Container } from '@tdocker/engine/container/container.ts'
import { systemClock } from '@tdocker/engine/container/clock.ts'
import { StatsCollector } from '@tdocker/engine/container/stats/collector.ts'
import { kernelHostUsage } from '@tdocker/engine/container/stats/host-usage.ts'
import { emptySample } from '@tdocker/engine/container/stats/sample.ts'
import { until } from '../../lib/test-daemon.ts'

const COUNT = 500
const parent = `/tdstats${randomBytes(3).toString('hex')}`
const driver = createCgroupDriver({ native: loadNative(), parent })
const paths = Array.from({ length: COUNT }, (_, index) => `${parent}/c${index}`)
after(async () => {
  for (const path of paths) await driver.remove(path)
  driver.close()
})

test(`${COUNT} containers sampled once a second, the event loop free in between`, async () => {
  for (const path of paths) await driver.create({ path, resources: {}, devices: [] })
  const turn = new Turn()
  let read = 0
  let spentMs = 0
  const collector = new StatsCollector({
    clock: systemClock,
    cpu: () => kernelHostUsage.cpu(),
    sample: (c) => {
      const began = performance.now()
      if (driver.stats(c.id)) read++
      const took = performance.now() - began
      spentMs += took
      turn.add(took)
      return emptySample(c)
    },
  })
  const seen = new Map<string, number>()
  const listening: Disposable[] = []
  for (const path of paths) {
    const c = { id: path, name: path, waiters: { stop: new Set(), removed: new Set() } }
    const count = (): void => void seen.set(path, (seen.get(path) ?? 0) + 1)
    listening.push(collector.listen(c as unknown as Container, count))
  }
  turn.begin()
  const delays = monitorEventLoopDelay({ resolution: 1 })
  delays.enable()
  await until('three samples of each', () => paths.every((path) => (seen.get(path) ?? 0) >= 4))
  delays.disable()
  for (const one of listening) one[Symbol.dispose]()
  assert.equal(collector.size, 0)
  const p99 = delays.percentile(99) / 1e6
  console.log(`${(spentMs / read).toFixed(3)} ms a sample, event loop p99 ${p99.toFixed(1)} ms`)
  assert.ok(read >= COUNT * 4)
  // However loaded the machine: a turn takes its first 4 ms of samples, and the one that ends it.
  assert.ok(turn.longestMs < 6, `${turn.longestMs} ms of samples before the last of a turn`)
})

/** What samples take of one turn of the event loop, but for the last of them. */
class Turn {
  longestMs = 0
  #spent: number[] | undefined
  #measures = false

  begin(): void {
    this.#measures = true
  }

  add(ms: number): void {
    if (!this.#measures) return
    if (!this.#spent) {
      this.#spent = []
      setImmediate(() => {
        const before = this.#spent!.slice(0, -1).reduce((sum, one) => sum + one, 0)
        this.longestMs = Math.max(this.longestMs, before)
        this.#spent = undefined
      })
    }
    this.#spent.push(ms)
  }
}
