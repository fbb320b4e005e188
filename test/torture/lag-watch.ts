/** A thread that only sleeps: how late it wakes is the machine's share of any delay. */
import { readlinkSync } from 'node:fs'
import { setPriority } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import { parentPort } from 'node:worker_threads'

setPriority(Number(readlinkSync('/proc/thread-self').split('/').at(-1)), -15)
const PERIOD_MS = 10
let worst = 0
let stopped = false
parentPort!.once('message', () => (stopped = true))
while (!stopped) {
  const start = performance.now()
  await delay(PERIOD_MS)
  worst = Math.max(worst, performance.now() - start - PERIOD_MS)
}
parentPort!.postMessage(worst)
