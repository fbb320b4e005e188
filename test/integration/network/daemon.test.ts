import './private-netns.ts'
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createServer } from 'node:net'
import { after, before, test } from 'node:test'
import { TestDaemon } from '../../lib/test-daemon.ts'

/** The whole way from the stock CLI to a packet and back. */

let daemon: TestDaemon

before(async () => {
  execFileSync('ip', ['link', 'set', 'lo', 'up'])
  daemon = await TestDaemon.start()
})

after(() => daemon[Symbol.asyncDispose]())

const SERVE = ['sh', '-c', 'mkdir -p /www; hostname > /www/index.html; exec httpd -f -p 80 -h /www']

async function page(port: number): Promise<string> {
  const limit = Date.now() + 5000
  while (true) {
    try {
      return (await (await fetch(`http://127.0.0.1:${port}/`)).text()).trim()
    } catch (error) {
      if (Date.now() > limit) throw error
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }
}

async function docker(...args: string[]): Promise<string> {
  const { status, stdout, stderr } = await daemon.docker(...args)
  assert.equal(status, 0, `docker ${args.join(' ')}: ${stderr}`)
  return stdout.trim()
}

test('a published port serves, is listed, and goes with its container', async () => {
  await docker('run', '-d', '--name', 'web', '-h', 'webhost', '-p', '8080:80', 'busybox', ...SERVE)
  assert.equal(await page(8080), 'webhost')
  assert.equal(await docker('port', 'web'), '80/tcp -> 0.0.0.0:8080\n80/tcp -> [::]:8080')
  assert.match(
    await docker('ps', '--format', '{{.Ports}}'),
    /^0\.0\.0\.0:8080->80\/tcp, \[::\]:8080->80\/tcp$/,
  )
  const [ip, gateway, mac] = (
    await docker(
      'inspect',
      '-f',
      '{{with .NetworkSettings.Networks.bridge}}{{.IPAddress}} {{.Gateway}} {{.MacAddress}}{{end}}',
      'web',
    )
  ).split(' ')
  assert.match(ip ?? '', /^172\.17\.0\.\d+$/)
  assert.equal(gateway, '172.17.0.1')
  assert.match(mac ?? '', /^02:42:ac:11:/)
  assert.match(await docker('exec', 'web', 'cat', '/etc/hosts'), new RegExp(`${ip}\twebhost`))
  assert.match(await docker('exec', 'web', 'ip', 'address', 'show', 'eth0'), new RegExp(`${ip}/16`))
  await docker('rm', '-f', 'web')
  await assert.rejects(fetch('http://127.0.0.1:8080/', { signal: AbortSignal.timeout(500) }))
})

test('a taken port is an error in the words and with the code of Docker', async () => {
  await docker('run', '-d', '--name', 'first', '-p', '8081:80', 'busybox', 'sleep', '600')
  const second = await daemon.docker('run', '--name', 'second', '-p', '8081:80', 'busybox', 'true')
  assert.equal(second.status, 125)
  assert.match(
    second.stderr,
    /driver failed programming external connectivity on endpoint second \([0-9a-f]{64}\): Bind for 0\.0\.0\.0:8081 failed: port is already allocated/,
  )
  const program = createServer().listen(8082)
  const third = await daemon.docker('run', '--rm', '-p', '8082:80', 'busybox', 'true')
  program.close()
  assert.equal(third.status, 125)
  assert.match(
    third.stderr,
    /failed to bind host port 0\.0\.0\.0:8082\/tcp: address already in use/,
  )
  await docker('rm', '-f', 'first', 'second')
})

test('after a crash of the daemon the port still serves, and nobody else gets it', async () => {
  await docker('run', '-d', '--name', 'kept', '-h', 'kept', '-p', '8083:80', 'busybox', ...SERVE)
  assert.equal(await page(8083), 'kept')
  await daemon.crash()
  assert.equal(await page(8083), 'kept')
  const refused = await new Promise<NodeJS.ErrnoException>((resolve) =>
    createServer().once('error', resolve).listen(8083),
  )
  assert.equal(refused.code, 'EADDRINUSE')
  await daemon.boot()
  assert.equal(await page(8083), 'kept')
  await docker('restart', '-t', '0', 'kept')
  assert.equal(await page(8083), 'kept')
  await docker('rm', '-f', 'kept')
})

test('networks none, host and container', async () => {
  const links = (...args: string[]) =>
    docker(
      'run',
      '--rm',
      ...args,
      'busybox',
      'sh',
      '-c',
      'ls /sys/class/net 2>/dev/null; ip -o link | wc -l',
    )
  assert.match(await links('--network', 'none'), /1$/)
  const host = execFileSync('ip', ['-o', 'link'], { encoding: 'utf8' }).trim().split('\n').length
  assert.match(await links('--network', 'host'), new RegExp(`${host}$`))
  await docker('run', '-d', '--name', 'owner', 'busybox', ...SERVE)
  assert.match(
    await docker(
      'run',
      '--rm',
      '--network',
      'container:owner',
      'busybox',
      'sh',
      '-c',
      'for i in 1 2 3 4 5; do wget -qO- http://127.0.0.1/ && exit; sleep 0.2; done',
    ),
    /^[0-9a-f]{12}$/,
  )
  const joined = ['--network', 'container:owner', '--name', 'guest', 'busybox', 'hostname']
  const name = await docker('inspect', '--format', '{{.Config.Hostname}}', 'owner')
  assert.equal(await docker('run', ...joined), name, 'one network, one name')
  await daemon.crash()
  await daemon.boot()
  assert.equal(await docker('inspect', '--format', '{{.Config.Hostname}}', 'guest'), name)
  await docker('rm', '-f', 'owner', 'guest')
  const unknown = await daemon.docker('run', '--rm', '--network', 'nowhere', 'busybox', 'true')
  assert.equal(unknown.status, 125)
  assert.match(unknown.stderr, /network nowhere not found/)
})

test('connects are events', async () => {
  const since = (Date.now() / 1000).toFixed(3)
  await docker('run', '--rm', '--name', 'seen', 'busybox', 'true')
  const until = (Date.now() / 1000).toFixed(3)
  const lines = await docker(
    ...['events', '--since', since, '--until', until],
    ...['--filter', 'type=network', '--format', '{{.Action}} {{.Actor.Attributes.name}}'],
  )
  assert.equal(lines, 'connect bridge\ndisconnect bridge')
})
