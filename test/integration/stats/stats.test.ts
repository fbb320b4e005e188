/** `GET /containers/{id}/stats` against the kernel's own files. */
import assert from 'node:assert/strict'
import type { IncomingMessage } from 'node:http'
import { createInterface } from 'node:readline'
import { after, before, test } from 'node:test'
import type { ContainerStatsResponse } from '@tdocker/api'
import { isV2, readGroup } from '../../lib/cgroup-files.ts'
import { patience } from '../../lib/patience.ts'
import { hasProgram, TestDaemon, until } from '../../lib/test-daemon.ts'

let daemon: TestDaemon
before(async () => (daemon = await TestDaemon.start()))
after(() => daemon[Symbol.asyncDispose]())

const zeroTime = '0001-01-01T00:00:00Z'

const sample = async (id: string, query: string): Promise<ContainerStatsResponse> =>
  (await daemon.api.get<ContainerStatsResponse>(`/containers/${id}/stats?${query}`)).body

const sleeper = (name: string, hostConfig: object = {}): Promise<string> =>
  daemon.run({ Cmd: ['sleep', '600'], HostConfig: { NetworkMode: 'none', ...hostConfig } }, name)

/** The samples of a stream as they come; `close` hangs up. */
async function follow(
  id: string,
): Promise<{ samples: ContainerStatsResponse[]; ended: () => boolean; close(): void }> {
  const response: IncomingMessage = await daemon.api.stream('GET', `/containers/${id}/stats`)
  assert.equal(response.statusCode, 200)
  const samples: ContainerStatsResponse[] = []
  let ended = false
  const lines = createInterface({ input: response })
  lines.on('line', (line) => samples.push(JSON.parse(line) as ContainerStatsResponse))
  response.on('end', () => (ended = true))
  response.on('error', () => (ended = true))
  return { samples, ended: () => ended, close: () => response.destroy() }
}

test('one shot: what the kernel counts, at once', async () => {
  const id = await daemon.run(
    {
      Cmd: ['sh', '-c', 'dd if=/dev/zero of=/dev/shm/x bs=1M count=8 2>/dev/null; sleep 600; :'],
      HostConfig: { NetworkMode: 'none', Memory: 64 << 20, PidsLimit: 50 },
    },
    'counted',
  )
  const limit = isV2 ? 'memory.max' : 'memory.limit_in_bytes'
  const cached = isV2 ? 'file' : 'total_cache'
  // The kernel gathers these per CPU and adds them up now and then.
  await until('8 MB', async () => {
    const { memory_stats: memory } = await sample('counted', 'stream=0&one-shot=1')
    return (memory.stats?.[cached] ?? 0) >= 8 << 20
  })
  const { status, headers, body } = await daemon.api.get<ContainerStatsResponse>(
    `/containers/counted/stats?stream=0&one-shot=1`,
  )
  assert.equal(status, 200)
  assert.equal(headers['content-type'], 'application/json')
  assert.deepEqual([body.id, body.name, body.os_type], [id, '/counted', 'linux'])
  assert.equal(body.preread, zeroTime)
  assert.ok(Math.abs(Date.parse(body.read) - Date.now()) < 10_000 * patience)
  assert.equal(body.memory_stats.limit, Number(readGroup(daemon, id, 'memory', limit)))
  assert.ok((body.memory_stats.usage ?? 0) > 8 << 20)
  assert.equal(body.pids_stats.limit, 50)
  assert.equal(body.pids_stats.current, 2)
  assert.ok(body.cpu_stats.cpu_usage.total_usage > 0)
  assert.ok((body.cpu_stats.system_cpu_usage ?? 0) > body.cpu_stats.cpu_usage.total_usage)
  assert.ok((body.cpu_stats.online_cpus ?? 0) > 0)
  assert.equal('networks' in body, false)
  if (isV2) {
    assert.equal(body.cpu_stats.cpu_usage.percpu_usage, undefined)
    assert.ok(body.memory_stats.stats['inactive_file'] !== undefined)
  } else {
    assert.ok((body.cpu_stats.cpu_usage.percpu_usage ?? []).length > 0)
    assert.deepEqual(body.blkio_stats.io_wait_time_recursive, [])
  }
})

test('without a limit the machine is the limit', async () => {
  await sleeper('unlimited')
  const { memory_stats: memory, pids_stats: pids } = await sample(
    'unlimited',
    'stream=0&one-shot=1',
  )
  const { body: info } = await daemon.api.get<{ MemTotal: number }>('/info')
  assert.equal(memory.limit, info.MemTotal)
  if (!isV2) assert.equal(pids.limit, undefined)
})

test('traffic on the default bridge, also seen by who joins; none on the host network', async () => {
  await daemon.run({ Cmd: ['sleep', '600'] }, 'bridged')
  await sleeper('joined', { NetworkMode: 'container:bridged' })
  await sleeper('hosted', { NetworkMode: 'host' })
  const { NetworkSettings } = (
    await daemon.api.get<{ NetworkSettings: { Networks: Record<string, { Gateway: string }> } }>(
      '/containers/bridged/json',
    )
  ).body
  const gateway = NetworkSettings.Networks['bridge']?.Gateway
  const ping = await daemon.docker('exec', 'bridged', 'ping', '-c1', '-W5', gateway ?? '')
  assert.equal(ping.status, 0, ping.stderr)
  for (const name of ['bridged', 'joined']) {
    const { networks } = await sample(name, 'stream=0&one-shot=1')
    assert.deepEqual(Object.keys(networks ?? {}), ['eth0'])
    const { eth0 } = networks!
    assert.ok(eth0!.rx_bytes > 0 && eth0!.tx_bytes > 0 && eth0!.tx_packets > 0)
  }
  assert.equal('networks' in (await sample('hosted', 'stream=0&one-shot=1')), false)
})

test('two samples a second apart; before API 1.41 there is no one-shot', async () => {
  await sleeper('twice')
  for (const path of [
    '/containers/twice/stats?stream=0',
    '/v1.40/containers/twice/stats?stream=0&one-shot=1',
  ]) {
    const began = Date.now()
    const { body } = await daemon.api.get<ContainerStatsResponse>(path)
    assert.ok(Date.now() - began >= 900)
    assert.notEqual(body.preread, zeroTime)
    assert.ok(body.precpu_stats.system_cpu_usage! < body.cpu_stats.system_cpu_usage!)
  }
})

test('a stream through stop, start, pause and removal', async () => {
  const id = await sleeper('lively')
  const { samples, ended } = await follow('lively')
  await until('two samples', () => samples.length >= 2)
  assert.equal(samples[0]!.preread, zeroTime)
  assert.equal(samples[1]!.preread, samples[0]!.read)
  const gap = Date.parse(samples[1]!.read) - Date.parse(samples[0]!.read)
  assert.ok(gap > 500, `${gap} ms`)

  await daemon.api.post(`/containers/${id}/pause`)
  const atPause = samples.length
  await until('a sample of it paused', () => samples.length > atPause + 1)
  assert.notEqual(samples.at(-1)!.read, zeroTime)
  await daemon.api.post(`/containers/${id}/unpause`)

  await daemon.api.post(`/containers/${id}/kill`)
  await until('zeros', () => samples.at(-1)!.read === zeroTime)
  assert.deepEqual([samples.at(-1)!.id, samples.at(-1)!.name], [id, '/lively'])
  await daemon.api.post(`/containers/${id}/start`)
  await until('numbers again', () => samples.at(-1)!.read !== zeroTime)
  await daemon.api.post(`/containers/${id}/rename?name=livelier`)
  await until('the new name', () => samples.at(-1)!.name === '/livelier')
  assert.ok(!ended())
  await daemon.api.delete(`/containers/${id}?force=1`)
  await until('the end', ended)
})

test('who hangs up is not sampled for', async () => {
  await sleeper('left')
  const streams = await Promise.all(Array.from({ length: 20 }, () => follow('left')))
  await until('samples', () => streams.every(({ samples }) => samples.length >= 2))
  for (const { close } of streams) close()
  // The container's removal would hang, and the daemon's end too, if somebody still held on to it.
  assert.equal((await daemon.api.delete('/containers/left?force=1')).status, 204)
})

test('stopped: zeros at once; nobody: 404 before anything is sent', async () => {
  await daemon.api.post('/containers/create?name=unstarted', { Image: 'busybox' })
  const { body } = await daemon.api.get<ContainerStatsResponse>(
    '/containers/unstarted/stats?stream=false',
  )
  assert.equal(body.read, zeroTime)
  assert.deepEqual(body.memory_stats, {})
  const { status, body: refused } = await daemon.api.get<{ message: string }>(
    '/containers/nobody/stats',
  )
  assert.deepEqual([status, refused.message], [404, 'No such container: nobody'])
})

test('docker stats', { skip: !hasProgram('docker') }, async () => {
  await sleeper('theirs', { Memory: 64 << 20 })
  const { status, stdout, stderr } = await daemon.docker(
    'stats',
    '--no-stream',
    '--format',
    '{{.Name}} {{.MemUsage}} {{.PIDs}} {{.CPUPerc}}',
    'theirs',
  )
  assert.equal(status, 0, stderr)
  assert.match(stdout, /^theirs [\d.]+[KM]iB \/ 64MiB 1 [\d.]+%\n$/)
})
