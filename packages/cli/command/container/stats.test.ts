import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FakeDaemon } from '../../testing/fake-daemon.ts'
import { runCli } from '../../testing/run-cli.ts'

const id = 'a'.repeat(64)

/** 50 ms of CPU time in 100 ms of two CPUs' time. */
const sample = {
  id,
  name: '/web',
  cpu_stats: { cpu_usage: { total_usage: 150e6 }, system_cpu_usage: 1100e6, online_cpus: 2 },
  precpu_stats: { cpu_usage: { total_usage: 100e6 }, system_cpu_usage: 1000e6 },
  memory_stats: { usage: 6_291_456, limit: 1073741824, stats: { inactive_file: 1048576 } },
  networks: { eth0: { rx_bytes: 1000, tx_bytes: 2500 }, eth1: { rx_bytes: 1, tx_bytes: 0 } },
  blkio_stats: {
    io_service_bytes_recursive: [
      { op: 'Read', value: 1_500_000 },
      { op: 'write', value: 4096 },
      { op: 'Total', value: 9 },
    ],
  },
  pids_stats: { current: 3 },
}

const scene = (): Promise<FakeDaemon> =>
  FakeDaemon.start(({ line }) => {
    if (line.startsWith('GET /containers/json')) return { body: [{ Id: id }] }
    if (line.startsWith('GET /events')) return { body: new Promise(() => {}) }
    if (line.startsWith(`GET /containers/${id.slice(0, 12)}/stats`)) return { body: sample }
    return line.includes('/web/stats') ? { body: sample } : undefined
  })

test('stats --no-stream: every running container', async () => {
  await using daemon = await scene()
  const { stdout, stderr, code } = await runCli(['stats', '--no-stream'], { host: daemon.host })
  assert.deepEqual([stderr, code], ['', 0])
  assert.equal(
    stdout,
    [
      'CONTAINER ID   NAME      CPU %     MEM USAGE / LIMIT   MEM %     NET I/O       BLOCK I/O       PIDS',
      'aaaaaaaaaaaa   web       100.00%   5MiB / 1GiB         0.49%     1kB / 2.5kB   1.5MB / 4.1kB   3\n',
    ].join('\n'),
  )
})

test('stats --format json of a named one; a missing one is an error', async () => {
  await using daemon = await scene()
  const named = await runCli(['stats', '--no-stream', '--no-trunc', '--format', 'json', 'web'], {
    host: daemon.host,
  })
  assert.deepEqual(JSON.parse(named.stdout), {
    BlockIO: '1.5MB / 4.1kB',
    CPUPerc: '100.00%',
    Container: 'web',
    ID: id,
    MemPerc: '0.49%',
    MemUsage: '5MiB / 1GiB',
    Name: 'web',
    NetIO: '1kB / 2.5kB',
    PIDs: '3',
  })
  const missing = await runCli(['stats', '--no-stream', 'nope'], { host: daemon.host })
  assert.deepEqual([missing.stdout, missing.code], ['', 1])
  assert.match(missing.stderr, /^Error response from daemon: /)
})

test('the live screen is redrawn from its corner and ends with the events', async () => {
  await using daemon = await FakeDaemon.start(({ line }) => {
    if (line.startsWith('GET /containers/json')) return { body: [{ Id: id }] }
    if (line.startsWith('GET /events')) return { raw: '' }
    return { body: sample }
  })
  const { stdout, code } = await runCli(['stats', '--format', '{{.Name}}'], { host: daemon.host })
  assert.equal(code, 0)
  assert.equal(stdout, '\x1b[Hweb \x1b[K\n \x1b[K\n\x1b[J')
})
