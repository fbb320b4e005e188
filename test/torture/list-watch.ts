/** A thread that lists all containers over and over, and says how long each took. */
import { readlinkSync } from 'node:fs'
import { setPriority } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import { parentPort, workerData } from 'node:worker_threads'
import { ApiClient } from '../lib/api-client.ts'

// As the daemon's own (see lifecycle-race.ts). In Linux a thread has a priority of its own.
setPriority(Number(readlinkSync('/proc/thread-self').split('/').at(-1)), -15)
const api = new ApiClient(workerData as string)
const latencies: number[] = []
let stopped = false
parentPort!.once('message', () => (stopped = true))
while (!stopped) {
  const start = performance.now()
  const { status, text } = await api.get('/containers/json?all=1')
  if (status !== 200) throw new Error(`list: ${status} ${text}`)
  latencies.push(performance.now() - start)
  await delay(10)
}
parentPort!.postMessage(latencies)
api.close()
