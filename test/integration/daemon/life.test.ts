/** The daemon's own life: signals, reload, what a second one may not do. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { TestDaemon, until } from '../../lib/test-daemon.ts'

interface Info {
  Labels: string[]
  Debug: boolean
  RegistryConfig: { InsecureRegistryCIDRs: string[]; Mirrors: string[] }
}

test('SIGHUP takes over labels, debug and registries, and is an event', async () => {
  await using daemon = await TestDaemon.start({ busybox: false, config: { labels: ['a=1'] } })
  const info = async (): Promise<Info> => (await daemon.api.get<Info>('/info')).body
  assert.deepEqual((await info()).Labels, ['a=1'])
  writeFileSync(
    join(daemon.directory, 'daemon.json'),
    JSON.stringify({
      labels: ['a=2'],
      debug: true,
      'insecure-registries': ['10.9.0.0/16'],
      'registry-mirrors': ['http://127.0.0.1:1'],
    }),
  )
  process.kill(daemon.pid, 'SIGHUP')
  await until('the new label', async () => (await info()).Labels[0] === 'a=2')
  const { Debug, RegistryConfig } = await info()
  assert.equal(Debug, true)
  assert.ok(RegistryConfig.InsecureRegistryCIDRs.includes('10.9.0.0/16'))
  const events = await daemon.api.get(`/events?since=0&until=${Math.ceil(Date.now() / 1000) + 1}`)
  assert.match(events.text, /"Type":"daemon","Action":"reload"/)
  // The mirror is asked first from now on: nothing listens there.
  const pull = await daemon.api.post('/images/create?fromImage=nothing&tag=x')
  assert.notEqual(pull.status, 200)
  assert.match(daemon.log, /127\.0\.0\.1:1|reloaded/)
})

test('a bad reload changes nothing', async () => {
  await using daemon = await TestDaemon.start({ busybox: false, config: { labels: ['a=1'] } })
  writeFileSync(join(daemon.directory, 'daemon.json'), '{"nonsense": true}')
  process.kill(daemon.pid, 'SIGHUP')
  await until('the complaint', () => daemon.log.includes('not reloaded'))
  assert.deepEqual((await daemon.api.get<Info>('/info')).body.Labels, ['a=1'])
})

test('a second daemon on the same data is refused and disturbs nothing', async () => {
  await using daemon = await TestDaemon.start({ busybox: false })
  const flags = daemon.flags.map((flag) => (flag.startsWith('unix://') ? `${flag}2` : flag))
  const second = await daemon.command(process.execPath, ['packages/daemon/main.ts', ...flags])
  assert.notEqual(second.status, 0)
  assert.match(second.stderr, /process with PID \d+ is still running|pid file/)
  assert.ok(await daemon.answers())
})

test('live-restore off: SIGTERM stops the containers', async () => {
  await using daemon = await TestDaemon.start({ config: { 'live-restore': false } })
  const id = await daemon.run({ Cmd: ['sleep', '1000'], StopSignal: 'SIGKILL' })
  const { body } = await daemon.api.get<{ State: { Pid: number } }>(`/containers/${id}/json`)
  assert.equal(await daemon.end('SIGTERM'), 0)
  assert.throws(() => process.kill(body.State.Pid, 0))
  await daemon.boot()
  const after = await daemon.api.get<{ State: { Status: string } }>(`/containers/${id}/json`)
  assert.equal(after.body.State.Status, 'exited')
})
