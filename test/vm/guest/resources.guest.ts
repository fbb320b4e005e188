/** Runs in the virtual machine: running state, limits and what is used, on cgroup v2. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { ContainerStatsResponse } from '@tdocker/api'
import { isFrozen, isV2, readGroup } from '../../lib/cgroup-files.ts'
import { TestDaemon, until } from '../../lib/test-daemon.ts'

const PATIENCE_MS = 300_000
const MiB = 1 << 20

let daemon: TestDaemon
before(async () => (daemon = await TestDaemon.start()))
after(() => daemon[Symbol.asyncDispose]())

const post = (path: string, body?: object) =>
  daemon.api.post<{ message: string; Warnings: string[] | null }>(`/containers/${path}`, body)

const limits = (id: string, ...files: string[]): string[] =>
  files.map((file) => readGroup(daemon, id, '', file))

test('pause, and killing what is paused', async () => {
  assert.ok(isV2)
  const id = await daemon.run({ Cmd: ['sleep', '6000'], HostConfig: { NetworkMode: 'none' } })
  assert.equal((await post(`${id}/pause`)).status, 204)
  assert.ok(isFrozen(daemon, id))
  assert.equal((await post(`${id}/exec`, { Cmd: ['true'] })).status, 409)
  assert.equal((await post(`${id}/unpause`)).status, 204)
  assert.ok(!isFrozen(daemon, id))
  await post(`${id}/pause`)
  assert.equal((await post(`${id}/kill`)).status, 204)
})

test('limits at the start, their update, and all of it back when one is refused', async () => {
  const id = await daemon.run({
    Cmd: ['sleep', '6000'],
    HostConfig: { NetworkMode: 'none', Memory: 64 * MiB, CpuShares: 512, NanoCpus: 5e8 },
  })
  const files = ['memory.max', 'memory.swap.max', 'cpu.max', 'pids.max', 'cpuset.cpus'] as const
  assert.deepEqual(limits(id, ...files), [
    String(64 * MiB),
    String(64 * MiB),
    '50000 100000',
    'max',
    '',
  ])
  const wish = { Memory: 96 * MiB, MemorySwap: 128 * MiB, PidsLimit: 55, CpusetCpus: '0' }
  const answer = await post(`${id}/update`, {
    ...wish,
    NanoCpus: 25e7,
    MemoryReservation: 32 * MiB,
  })
  assert.equal(answer.status, 200, answer.text)
  const updated = [String(96 * MiB), String(32 * MiB), '25000 100000', '55', '0']
  assert.deepEqual(limits(id, ...files), updated)
  assert.deepEqual(limits(id, 'memory.low'), [String(32 * MiB)])
  const refused = await post(`${id}/update`, { PidsLimit: 7, MemorySwap: 10 * MiB })
  assert.equal(refused.status, 500)
  assert.match(refused.body.message, /memory\+swap limit should be >= memory limit\n$/)
  assert.deepEqual(limits(id, ...files), updated)
  assert.equal((await post(`${id}/update`, { MemorySwap: -1, PidsLimit: 0 })).status, 200)
  assert.deepEqual(limits(id, 'memory.swap.max', 'pids.max'), ['max', 'max'])
})

test('stats have the shape of v2', async () => {
  const id = await daemon.run({
    Cmd: ['sleep', '6000'],
    HostConfig: { NetworkMode: 'none', Memory: 64 * MiB },
  })
  const { text } = await daemon.api.get(`/containers/${id}/stats?stream=0&one-shot=1`)
  const body = JSON.parse(text) as ContainerStatsResponse
  assert.equal(body.memory_stats.limit, 64 * MiB)
  assert.ok((body.memory_stats.usage ?? 0) > 0)
  assert.equal(Object.keys(body.memory_stats.stats).length, 31)
  assert.ok(body.cpu_stats.cpu_usage.total_usage > 0)
  assert.ok(!('percpu_usage' in body.cpu_stats.cpu_usage))
  assert.equal(body.blkio_stats.io_serviced_recursive, null)
  // A double would make 18446744073709552000 of it, which Go does not read.
  assert.match(text, /"pids_stats":\{"current":1,"limit":18446744073709551615\}/)
})

test('an OOM kill of a child is told at once', async () => {
  const id = await daemon.run({
    Cmd: ['sh', '-c', 'dd if=/dev/zero of=/dev/null bs=1024M count=1; sleep 6000'],
    HostConfig: { NetworkMode: 'none', Memory: 16 * MiB, MemorySwap: 16 * MiB },
  })
  const killed = async (): Promise<boolean> => {
    const { body } = await daemon.api.get<{ State: { OOMKilled: boolean; Status: string } }>(
      `/containers/${id}/json`,
    )
    assert.equal(body.State.Status, 'running')
    return body.State.OOMKilled
  }
  await until('the flag', killed, PATIENCE_MS)
})
