/** Two services on the default bridge, as docker-compose brings them up, looks at them and ends them. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { type CommandResult, TestDaemon, until } from '../lib/test-daemon.ts'
import { composers } from './composers.ts'

const file = `
version: '2.4'
services:
  web:
    image: busybox
    network_mode: bridge
    command: [sh, -c, 'echo web is up; mkdir /www; echo page >/www/index.html; exec httpd -f -p 8080 -h /www']
    ports: ['8080']
    environment: { A: one, B: two words }
    labels: { role: front }
    restart: on-failure:3
    logging: { driver: json-file, options: { max-size: 1m, max-file: '2' } }
    ulimits: { nofile: { soft: 1000, hard: 2000 }, nproc: 4000 }
    mem_limit: 64m
    cap_add: [NET_ADMIN]
    cap_drop: [CHOWN]
    tmpfs: ['/run:size=1m,mode=0700']
    volumes: ['data:/data', './bound:/bound:ro']
    healthcheck:
      test: [CMD-SHELL, 'wget -q -O - http://127.0.0.1:8080/ | grep page']
      interval: 300ms
      timeout: 20s
      retries: 50
  job:
    image: busybox
    network_mode: bridge
    command: [sh, -c, 'echo job is up; trap "exit 0" TERM; while :; do sleep 0.1; done']
    read_only: true
    stop_grace_period: 20s
    depends_on: { web: { condition: service_healthy } }
    volumes: ['data:/data']
volumes:
  data: {}
`

interface Summary {
  Id: string
  State: string
  Status: string
  Names: string[]
}

for (const composer of composers)
  suite(composer.name, { skip: composer.skip }, () => {
    let daemon: TestDaemon
    before(async () => {
      daemon = await TestDaemon.start()
      mkdirSync(join(daemon.directory, 'two/bound'), { recursive: true })
      writeFileSync(join(daemon.directory, 'two/compose.yml'), file)
      writeFileSync(join(daemon.directory, 'two/bound/file'), 'from the host\n')
    })
    after(() => daemon?.[Symbol.asyncDispose]())

    const commandOf = (...args: string[]): [string, ...string[]] => {
      const env = Object.entries(composer.env ?? {}).map(([key, value]) => `${key}=${value}`)
      const of = ['-f', join(daemon.directory, 'two/compose.yml')]
      return ['env', ...env, ...composer.command, ...of, ...args]
    }
    const compose = (...args: string[]): Promise<CommandResult> =>
      daemon.command('timeout', ['-s', 'KILL', '90', ...commandOf(...args)])
    /** Expects the exit code; answers standard output. */
    const ends = async (status: number, ...args: string[]): Promise<string> => {
      const result = await compose(...args)
      assert.equal(result.status, status, `${args.join(' ')}:\n${result.stdout}${result.stderr}`)
      return result.stdout
    }
    const containersOf = async (service: string): Promise<Summary[]> => {
      const filters = JSON.stringify({ label: [`com.docker.compose.service=${service}`] })
      const query = `all=1&filters=${encodeURIComponent(filters)}`
      return (await daemon.api.get<Summary[]>(`/containers/json?${query}`)).body
    }
    const stateOf = async (service: string): Promise<string> =>
      (await containersOf(service)).map(({ State }) => State).join()

    test('up starts the second when the first is healthy', async () => {
      assert.equal(await ends(0, 'config', '--services'), 'web\njob\n')
      await ends(0, 'up', '-d')
      assert.match((await containersOf('web'))[0]?.Status ?? '', /\(healthy\)$/)
      assert.equal(await stateOf('job'), 'running')
      await ends(0, 'up', '-d')
      assert.equal((await containersOf('web')).length, 1)
    })

    test('ps, images, top, port', async () => {
      assert.match(await ends(0, 'ps'), /two[-_]web[-_]1.*\(healthy\).*->8080\/tcp/)
      assert.equal((await ends(0, 'ps', '-q')).trim().split('\n').length, 2)
      assert.match(await ends(0, 'images'), /two[-_]job[-_]1 +busybox +latest/)
      assert.match(await ends(0, 'top'), /httpd -f -p 8080/)
      const address = (await ends(0, 'port', 'web', '8080')).trim()
      const page = await fetch(`http://${address.replace('0.0.0.0', '127.0.0.1')}/`)
      assert.equal(await page.text(), 'page\n')
    })

    test('the file reaches the kernel', async () => {
      const script = `echo $A/$B; cat /bound/file; ulimit -n; ulimit -Hn; grep CapEff /proc/self/status
        touch /bound/x 2>/dev/null || echo bound is read-only; mount | grep ' /run '; echo kept >/data/f`
      const lines = (await ends(0, 'exec', '-T', 'web', 'sh', '-c', script)).split('\n')
      assert.deepEqual(lines.slice(0, 4), ['one/two words', 'from the host', '1000', '2000'])
      assert.equal(BigInt(`0x${lines[4]?.split(/\s+/)[1]}`) & 0x1001n, 0x1000n)
      assert.equal(lines[5], 'bound is read-only')
      assert.match(lines[6] ?? '', /^tmpfs on \/run type tmpfs .*size=1024k,mode=700/)
      const found = await containersOf('web')
      const { body } = await daemon.api.get<{ HostConfig: object; Config: { Labels: object } }>(
        `/containers/${found[0]?.Id}/json`,
      )
      const wanted = {
        Memory: 64 << 20,
        RestartPolicy: { Name: 'on-failure', MaximumRetryCount: 3 },
        LogConfig: { Type: 'json-file', Config: { 'max-size': '1m', 'max-file': '2' } },
      }
      assert.deepEqual({ ...body.HostConfig, ...wanted }, body.HostConfig)
      assert.equal((body.Config.Labels as Record<string, string>)['role'], 'front')
    })

    test('exec and run', async () => {
      const script = 'touch /x 2>/dev/null || echo root is read-only; cat /data/f; exit 7'
      const told = await ends(7, 'exec', '-T', 'job', 'sh', '-c', script)
      assert.equal(told, 'root is read-only\nkept\n')
      const run = ['run', '--rm', '-T', '--no-deps', '-e', 'X=1', 'job']
      assert.equal(await ends(3, ...run, 'sh', '-c', 'echo $X; cat /data/f; exit 3'), '1\nkept\n')
      assert.equal((await containersOf('job')).length, 1)
    })

    test('logs, of all and of one', async () => {
      const all = await ends(0, 'logs', '--no-color')
      assert.match(all, /^job[-_]1 +\| job is up$/m)
      assert.match(all, /^web[-_]1 +\| web is up$/m)
      assert.match(await ends(0, 'logs', '-t', '--tail', '1', 'job'), /\| \d{4}-\S+Z job is up$/m)
    })

    test('stop, start, restart, kill, pause, unpause', async () => {
      await ends(0, 'stop', 'job')
      assert.match((await containersOf('job'))[0]?.Status ?? '', /^Exited \(0\)/)
      await ends(0, 'start', 'job')
      await ends(0, 'restart', 'job')
      assert.equal(await stateOf('job'), 'running')
      await ends(0, 'kill', 'job')
      await until('the end', async () => (await stateOf('job')) === 'exited')
      assert.match((await containersOf('job'))[0]?.Status ?? '', /^Exited \(137\)/)
      await ends(0, 'pause', 'web')
      assert.equal(await stateOf('web'), 'paused')
      await ends(0, 'unpause', 'web')
      assert.equal(await stateOf('web'), 'running')
    })

    test('scale, and anew with the volumes of before', async () => {
      await ends(0, 'up', '-d', '--scale', 'job=2')
      assert.equal((await containersOf('job')).length, 2)
      const [before] = await containersOf('web')
      await ends(0, 'up', '-d', '--force-recreate', '-t', '1')
      const [web, ...more] = await containersOf('web')
      assert.notEqual(web?.Id, before?.Id)
      assert.deepEqual([more.length, await stateOf('job')], [0, 'running'])
      assert.equal(await ends(0, 'exec', '-T', 'web', 'cat', '/data/f'), 'kept\n')
    })

    test('events, while the end comes', async () => {
      const [program, ...leading] = commandOf('events', '--json')
      const client = spawn(program!, leading, {
        env: { ...process.env, DOCKER_HOST: `unix://${daemon.socket}` },
        stdio: ['ignore', 'pipe', 'ignore'],
      })
      let told = ''
      client.stdout.on('data', (part: Buffer) => (told += part.toString()))
      const [web] = await containersOf('web')
      await until('the first event', async () => {
        await daemon.api.post(`/containers/${web?.Id}/kill?signal=WINCH`)
        return told.includes('\n')
      })
      await ends(0, 'stop', '-t', '1')
      await ends(0, 'down', '-v')
      await until('the last event', () => eventsOf(told, 'web').includes('destroy'))
      const closed = once(client, 'close')
      client.kill('SIGKILL')
      await closed
      const actions = eventsOf(told, 'web').filter((action) => !action.startsWith('exec_'))
      const ofTheEnd = actions.filter((action) => ['die', 'stop', 'destroy'].includes(action))
      assert.deepEqual(ofTheEnd, ['die', 'stop', 'destroy'])
      const { body } = await daemon.api.get<unknown[]>('/containers/json?all=1')
      assert.deepEqual(body, [])
      const volumes = await daemon.api.get<{ Volumes: unknown[] | null }>('/volumes')
      assert.deepEqual(volumes.body.Volumes ?? [], [])
    })
  })

/** Actions of one service, of whole lines. */
function eventsOf(lines: string, service: string): string[] {
  return lines
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as { action: string; service: string })
    .filter((event) => event.service === service)
    .map((event) => event.action)
}
