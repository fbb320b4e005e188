/** `update` as a client asks for it and as the kernel's files show it. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { isV2, readGroup } from '../../lib/cgroup-files.ts'
import { hasProgram, TestDaemon, until } from '../../lib/test-daemon.ts'

let daemon: TestDaemon
before(async () => (daemon = await TestDaemon.start()))
after(() => daemon[Symbol.asyncDispose]())

const MiB = 1 << 20

interface Answer {
  message: string
  Warnings: string[] | null
}

const update = (id: string, body: object, version = '') =>
  daemon.api.post<Answer>(`${version}/containers/${id}/update`, body)

async function hostConfigOf(id: string): Promise<Record<string, unknown>> {
  const { body } = await daemon.api.get<{ HostConfig: Record<string, unknown> }>(
    `/containers/${id}/json`,
  )
  return body.HostConfig
}

const sleeper = (name: string, hostConfig: object = {}): Promise<string> =>
  daemon.run({ Cmd: ['sleep', '600'], HostConfig: { NetworkMode: 'none', ...hostConfig } }, name)

/** Values of the container's group: memory, memory with swap, CPU quota and period, pids. */
function limits(id: string): Record<string, string> {
  const read = (controller: string, file: string): string => readGroup(daemon, id, controller, file)
  if (isV2)
    return {
      memory: read('', 'memory.max'),
      swap: read('', 'memory.swap.max'),
      cpu: read('', 'cpu.max'),
      pids: read('', 'pids.max'),
    }
  return {
    memory: read('memory', 'memory.limit_in_bytes'),
    swap: String(
      Number(read('memory', 'memory.memsw.limit_in_bytes')) -
        Number(read('memory', 'memory.limit_in_bytes')),
    ),
    cpu: `${read('cpu', 'cpu.cfs_quota_us').replace('-1', 'max')} ${read('cpu', 'cpu.cfs_period_us')}`,
    pids: read('pids', 'pids.max'),
  }
}

test('a running container’s limits change at once and stay after a restart', async () => {
  const id = await sleeper('live', { Memory: 64 * MiB })
  assert.equal(limits(id)['memory'], String(64 * MiB))
  const answer = await update('live', {
    Memory: 128 * MiB,
    MemorySwap: 192 * MiB,
    MemoryReservation: 32 * MiB,
    CpuShares: 512,
    CpuQuota: 50_000,
    CpuPeriod: 200_000,
    CpusetCpus: '0',
    PidsLimit: 77,
  })
  assert.equal(answer.status, 200, answer.text)
  assert.equal(answer.text, '{"Warnings":null}\n')
  const wanted = {
    memory: String(128 * MiB),
    swap: String(64 * MiB),
    cpu: '50000 200000',
    pids: '77',
  }
  assert.deepEqual(limits(id), wanted)
  assert.equal(readGroup(daemon, id, 'cpuset', 'cpuset.cpus'), '0')
  if (!isV2) {
    assert.equal(readGroup(daemon, id, 'cpu', 'cpu.shares'), '512')
    assert.equal(readGroup(daemon, id, 'memory', 'memory.soft_limit_in_bytes'), String(32 * MiB))
  }
  const shown = await hostConfigOf(id)
  assert.deepEqual(
    ['Memory', 'MemorySwap', 'CpuShares', 'CpusetCpus', 'PidsLimit'].map((key) => shown[key]),
    [128 * MiB, 192 * MiB, 512, '0', 77],
  )
  await daemon.crash()
  await daemon.boot()
  await daemon.api.post(`/containers/${id}/restart?t=0`)
  assert.deepEqual(limits(id), wanted)
})

test('values that belong together: each alone, and back', async () => {
  const id = await sleeper('together', { Memory: 64 * MiB, CpuPeriod: 50_000 })
  await update(id, { CpuQuota: 20_000 })
  assert.equal(limits(id)['cpu'], '20000 50000')
  await update(id, { CpuPeriod: 100_000 })
  assert.equal(limits(id)['cpu'], '20000 100000')
  await update(id, { CpuQuota: -1 })
  assert.equal(limits(id)['cpu'], 'max 100000')
  await update(id, { MemorySwap: 256 * MiB })
  assert.equal(limits(id)['swap'], String(192 * MiB))
  await update(id, { Memory: 32 * MiB, MemorySwap: 40 * MiB })
  assert.deepEqual([limits(id)['memory'], limits(id)['swap']], [String(32 * MiB), String(8 * MiB)])
  assert.equal((await update(id, { MemorySwap: -1 })).status, 200)
  if (isV2) assert.equal(limits(id)['swap'], 'max')
  else assert.match(readGroup(daemon, id, 'memory', 'memory.memsw.limit_in_bytes'), /^9223372036/)
  for (const none of [0, -1, -5]) {
    await update(id, { PidsLimit: 5 })
    assert.equal(limits(id)['pids'], '5')
    await update(id, { PidsLimit: none })
    assert.equal(limits(id)['pids'], 'max')
    assert.equal((await hostConfigOf(id))['PidsLimit'], 0)
  }
})

test('nothing changes when the kernel refuses one of the values', async () => {
  const id = await daemon.run({
    Cmd: [
      'sh',
      '-c',
      'dd if=/dev/zero of=/dev/shm/x bs=1M count=40 2>/dev/null; echo up; sleep 600',
    ],
    HostConfig: { NetworkMode: 'none', Memory: 64 * MiB, MemorySwap: 64 * MiB },
  })
  await until('the memory to be in use', async () => (await daemon.logs(id)).includes('up'))
  const before = [limits(id), await hostConfigOf(id)]
  if (isV2) return
  // Pages of a shared memory file cannot be given back: there is no swap for them.
  const answer = await update(id, {
    CpuShares: 100,
    Memory: 8 * MiB,
    MemorySwap: 8 * MiB,
    PidsLimit: 9,
  })
  assert.equal(answer.status, 500)
  assert.match(
    answer.body.message,
    new RegExp(
      `^Cannot update container ${id}: runc did not terminate successfully: exit status 1: unable to set memory limit to ${8 * MiB} \\(current usage: \\d+, peak usage: \\d+\\)\n$`,
    ),
  )
  assert.deepEqual([limits(id), await hostConfigOf(id)], before)
  assert.equal(readGroup(daemon, id, 'cpu', 'cpu.shares'), '1024')
})

test('throttled devices from API 1.55 on, and their limits taken away again', async () => {
  const id = await sleeper('throttled')
  const body = { BlkioDeviceReadBps: [{ Path: '/dev/null', Rate: 5 }] }
  assert.equal((await update(id, body, '/v1.54')).status, 200)
  assert.deepEqual((await hostConfigOf(id))['BlkioDeviceReadBps'], null)
  const refused = await update(id, { BlkioDeviceReadBps: [{ Path: '/no/such', Rate: 5 }] })
  assert.equal(refused.status, 500)
  assert.match(refused.body.message, /stat \/no\/such: no such file or directory$/)
})

test('restart policy, also of a stopped container; refusals in Docker’s words', async () => {
  const id = await sleeper('policy')
  await daemon.api.post(`/containers/${id}/kill`)
  const policy = { Name: 'on-failure', MaximumRetryCount: 2 }
  assert.equal((await update(id, { RestartPolicy: policy, CpuShares: 99 })).status, 200)
  assert.deepEqual((await hostConfigOf(id))['RestartPolicy'], policy)
  await daemon.api.post(`/containers/${id}/start`)
  assert.equal(readGroup(daemon, id, 'cpu', isV2 ? 'cpu.weight' : 'cpu.shares'), isV2 ? '17' : '99')

  const own = await sleeper('own', { AutoRemove: true, NanoCpus: 1e9 })
  const cases: ReadonlyArray<[string, object, number, string]> = [
    ['nobody', { Memory: 5 }, 400, 'Minimum memory limit allowed is 6MB'],
    ['nobody', { CpuShares: 5 }, 404, 'No such container: nobody'],
    [
      'own',
      { RestartPolicy: { Name: 'always' } },
      409,
      `Cannot update container ${own}: Restart policy cannot be updated because AutoRemove is enabled for the container`,
    ],
    [
      'own',
      { CpuPeriod: 5000 },
      409,
      `Cannot update container ${own}: Conflicting options: CPU Period cannot be updated as NanoCPUs has already been set`,
    ],
    [
      'own',
      { Memory: 64 * MiB },
      409,
      `Cannot update container ${own}: Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time`,
    ],
    [
      'own',
      { CpusetCpus: '99' },
      400,
      `Requested CPUs are not available - requested 99, available: ${await cpus()}`,
    ],
  ]
  for (const [name, body, status, message] of cases) {
    const answer = await update(name, body)
    assert.deepEqual([answer.status, answer.body.message], [status, message])
  }
})

async function cpus(): Promise<string> {
  const { body } = await daemon.api.get<{ NCPU: number }>('/info')
  return body.NCPU === 1 ? '0' : `0-${body.NCPU - 1}`
}

test('paused containers are updated, and tell it in one event', async () => {
  const id = await sleeper('frozen')
  await daemon.api.post(`/containers/${id}/pause`)
  assert.equal((await update(id, { PidsLimit: 12 })).status, 200)
  assert.equal(limits(id)['pids'], '12')
  const filters = encodeURIComponent(JSON.stringify({ container: [id], event: ['update'] }))
  const { text } = await daemon.api.get(
    `/events?since=1&until=${Math.floor(Date.now() / 1000) + 1}&filters=${filters}`,
  )
  assert.equal(text.trim().split('\n').length, 1)
})

test('docker update', { skip: !hasProgram('docker') }, async () => {
  const id = await sleeper('theirs', { Memory: 64 * MiB })
  const { status, stdout, stderr } = await daemon.docker(
    'update',
    ...['--memory', '96m', '--memory-swap', '128m', '--cpus', '0.5', '--pids-limit', '33'],
    ...['--restart', 'unless-stopped', 'theirs'],
  )
  assert.deepEqual([status, stdout], [0, 'theirs\n'], stderr)
  assert.deepEqual(limits(id), {
    memory: String(96 * MiB),
    swap: String(32 * MiB),
    cpu: '50000 100000',
    pids: '33',
  })
  assert.equal(
    ((await hostConfigOf(id))['RestartPolicy'] as { Name: string }).Name,
    'unless-stopped',
  )
})
