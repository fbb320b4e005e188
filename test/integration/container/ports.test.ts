import '../network/private-netns.ts'
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { after, afterEach, before, test } from 'node:test'
import { TestDaemon } from '../../lib/test-daemon.ts'
import { probe } from '../network/agent.ts'
import { Namespace } from '../network/namespace.ts'

/** Ports that change while their container runs, and IPv6 clients of containers without IPv6. */

let daemon: TestDaemon

before(async () => {
  execFileSync('ip', ['link', 'set', 'lo', 'up'])
  daemon = await TestDaemon.start()
})

after(() => daemon[Symbol.asyncDispose]())

const SERVE = `mkdir -p /www; hostname > /www/index.html; httpd -p 80 -h /www; exec httpd -f -p 81 -h /www`

afterEach(async () => {
  const left = await docker('ps', '-aq')
  if (left !== '') await docker('rm', '-f', ...left.split('\n'))
})

async function run(name: string, ...flags: string[]): Promise<void> {
  await docker('run', '-d', '--name', name, '-h', name, ...flags, 'busybox', 'sh', '-c', SERVE)
}

async function docker(...args: string[]): Promise<string> {
  const { status, stdout, stderr } = await daemon.docker(...args)
  assert.equal(status, 0, `docker ${args.join(' ')}: ${stderr}`)
  return stdout.trim()
}

/** Where servers can be put beside the container's own. */
async function inside(name: string): Promise<Namespace> {
  const pid = await docker('inspect', '-f', '{{.State.Pid}}', name)
  const fd = openSync(`/proc/${pid}/ns/net`, 'r')
  const agent = new Namespace('inside', fd)
  await agent.ready
  closeSync(fd)
  return agent
}

async function change(verb: 'add' | 'remove', name: string, ports: object, status = 200) {
  const path = `/containers/${name}/ports/${verb}`
  const answer = await daemon.api.post(path, { PortBindings: ports })
  assert.equal(answer.status, status, JSON.stringify(answer.body))
  return answer.body as { Ports: object; message: string }
}

async function within<T>(attempt: () => Promise<T>): Promise<T> {
  const limit = Date.now() + 10_000
  while (true) {
    try {
      return await attempt()
    } catch (error) {
      if (Date.now() > limit) throw error
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }
}

async function page(port: number, host = '127.0.0.1'): Promise<string> {
  const url = `http://${host}:${port}/`
  const signal = AbortSignal.timeout(2000)
  return (await (await fetch(url, { signal, headers: { connection: 'close' } })).text()).trim()
}

const serves = (name: string, port: number, host?: string) =>
  within(async () => assert.equal(await page(port, host), name))

const refused = (port: number, address = '127.0.0.1') =>
  within(async () => {
    const answer = await probe({ kind: 'probe', protocol: 'tcp', address, port, timeoutMs: 1000 })
    assert.deepEqual(answer, { error: 'ECONNREFUSED' })
  })

test('IPv6 clients reach a container that has none, by TCP and UDP', async () => {
  await run('old', '-p', '8080:80', '-p', '5353:53/udp')
  assert.equal(await docker('port', 'old', '80'), '0.0.0.0:8080\n[::]:8080')
  await serves('old', 8080)
  await serves('old', 8080, '[::1]')
  const big = await Promise.all(Array.from({ length: 50 }, () => page(8080, '[::1]')))
  assert.deepEqual(new Set(big), new Set(['old']))
  const agent = await inside('old')
  await agent.serve('udp', 53)
  await within(async () => {
    const target = { address: '::1', port: 5353, timeoutMs: 1000 }
    const answer = await probe({ kind: 'probe', protocol: 'udp', ...target })
    assert.match(JSON.stringify(answer), /inside from 172\.17\.0\.1/)
  })
  await agent.close()
  await daemon.crash()
  await daemon.boot()
  await serves('old', 8080, '[::1]')
  await docker('rm', '-f', 'old')
  await refused(8080, '::1')
  await run('next', '-p', '8080:80')
  await serves('next', 8080, '[::1]')
  await docker('rm', '-f', 'next')
})

test('ports come and go while their container runs', async () => {
  await run('web', '-p', '8080:80')
  const id = await docker('inspect', '-f', '{{.State.Pid}}', 'web')
  await serves('web', 8080)
  const { Ports } = await change('add', 'web', { '81/tcp': [{ HostPort: '8081' }] })
  const both = (port: string) => ['0.0.0.0', '::'].map((HostIp) => ({ HostIp, HostPort: port }))
  assert.deepEqual(Ports, { '80/tcp': both('8080'), '81/tcp': both('8081') })
  for (const host of ['127.0.0.1', '[::1]']) await serves('web', 8081, host)
  assert.match(await docker('ps', '--format', '{{.Ports}}'), /:8081->81\/tcp/)
  assert.equal(await docker('inspect', '-f', '{{.State.Pid}}', 'web'), id)

  await daemon.crash()
  await daemon.boot()
  for (const host of ['127.0.0.1', '[::1]']) await serves('web', 8081, host)
  await docker('restart', '-t', '0', 'web')
  for (const port of [8080, 8081]) await serves('web', port)

  await change('remove', 'web', { '80/tcp': [{ HostPort: '8080' }] })
  for (const address of ['127.0.0.1', '::1']) await refused(8080, address)
  await serves('web', 8081)
  await run('other', '-p', '8080:80')
  await serves('other', 8080)
  const taken = await change('add', 'web', { '80/tcp': [{ HostPort: '8080' }] }, 500)
  assert.match(
    taken.message,
    /Bind for 0\.0\.0\.0:8080 failed: port is already allocated \(container other\)$/,
  )
  await change('add', 'web', { '80/tcp': [{ HostPort: '0' }] })
  const chosen = Number((await docker('port', 'web', '80')).split('\n')[0]?.split(':')[1])
  await serves('web', chosen)
  await change('remove', 'web', { '80/tcp': [{ HostPort: String(chosen) }] })
  await refused(chosen)
  for (let i = 0; i < 3; i++) await change('add', 'web', { '82/tcp': [{ HostPort: '0' }] })
  const ofThree = async (): Promise<string[]> =>
    (await docker('port', 'web', '82')).split('\n').filter((line) => line.startsWith('0.0.0.0'))
  const [one = '', two = '', three = ''] = await ofThree()
  await change('remove', 'web', { '82/tcp': [{ HostPort: two.split(':')[1] ?? '' }] })
  assert.deepEqual(await ofThree(), [one, three])
  await docker('rm', '-f', 'web', 'other')
  const actions = (
    await docker(
      'events',
      '--since',
      '1h',
      '--until',
      (Date.now() / 1000).toFixed(3),
      '--filter',
      'event=publish',
      '--filter',
      'event=unpublish',
      '--format',
      '{{.Action}} {{.Actor.Attributes.ports}}',
    )
  ).split('\n')
  assert.ok(actions.includes('publish 8081:81/tcp'), actions.join())
  assert.ok(actions.includes('unpublish 8080:80/tcp'), actions.join())
})

test('ports of one that does not run are for its next start', async () => {
  await docker('create', '--name', 'idle', '-h', 'idle', 'busybox', 'sh', '-c', SERVE)
  assert.deepEqual(await change('add', 'idle', { '80': [{ HostPort: '8085' }] }), { Ports: {} })
  await docker('start', 'idle')
  await serves('idle', 8085)
  await docker('rm', '-f', 'idle')
})

test('what is wrong is said and changes nothing', async () => {
  await run('web', '-p', '8080:80')
  for (const [verb, ports, status, text] of [
    ['add', { x: [{}] }, 400, /invalid port 'x': invalid syntax$/],
    ['add', { '80/tcp': [{ HostPort: '99999' }] }, 400, /^invalid port specification: "99999"$/],
    ['add', {}, 400, /^no ports given$/],
    ['add', { '80/tcp': [{ HostPort: '8080' }] }, 409, /^8080:80\/tcp is already published$/],
    ['remove', { '81/tcp': [] }, 404, /^port 81\/tcp is not published by container /],
    ['remove', { '80/tcp': [{ HostPort: '1' }] }, 404, /^port 1:80\/tcp is not published by/],
  ] as const) {
    const { message } = await change(verb, 'web', ports, status)
    assert.match(message, text)
  }
  await change('add', 'nobody', { '80/tcp': [] }, 404)
  assert.equal(await docker('port', 'web'), '80/tcp -> 0.0.0.0:8080\n80/tcp -> [::]:8080')
  await docker('rm', '-f', 'web')
  await docker('run', '-d', '--name', 'host', '--network', 'host', 'busybox', 'sleep', '1000')
  const { message } = await change('add', 'host', { '80/tcp': [] }, 400)
  assert.match(message, /network mode host cannot be published$/)
  await docker('rm', '-f', 'host')
})

test('ports follow the network that packets leave through, and come back', async () => {
  await docker('network', 'create', '--ipv6', 'a')
  await docker('network', 'create', 'b')
  await run('web', '--network', 'a', '-p', '8080:80', '-p', '5353:53/udp', '-p', '90:80')
  for (const host of ['127.0.0.1', '[::1]']) await serves('web', 8080, host)
  await docker('network', 'connect', '--gw-priority', '5', 'b', 'web')
  for (const host of ['127.0.0.1', '[::1]']) await serves('web', 8080, host)
  await docker('network', 'disconnect', 'a', 'web')
  for (const host of ['127.0.0.1', '[::1]']) await serves('web', 8080, host)
  await docker('network', 'disconnect', 'b', 'web')
  for (const address of ['127.0.0.1', '::1']) await refused(8080, address)
  assert.equal(await docker('port', 'web'), '')
  await run('meanwhile', '-p', '8080:80')
  const { status, stderr } = await daemon.docker('network', 'connect', 'a', 'web')
  assert.notEqual(status, 0)
  assert.match(stderr, /port is already allocated/)
  await docker('rm', '-f', 'meanwhile')
  await docker('network', 'connect', 'a', 'web')
  for (const host of ['127.0.0.1', '[::1]']) await serves('web', 8080, host)
  assert.match(await docker('port', 'web'), /^53\/udp -> 0\.0\.0\.0:5353$/m)
  await docker('rm', '-f', 'web')
  await docker('network', 'rm', 'a', 'b')
})

test('a container of an internal network publishes once it is on another', async () => {
  await docker('network', 'create', '--internal', 'inner')
  await docker('network', 'create', 'outer')
  await run('web', '--network', 'inner', '-p', '8080:80', '-p', '81')
  assert.equal(await docker('port', 'web'), '')
  for (const address of ['127.0.0.1', '::1']) await refused(8080, address)
  await docker('network', 'connect', 'outer', 'web')
  for (const host of ['127.0.0.1', '[::1]']) await serves('web', 8080, host)
  assert.match(await docker('port', 'web', '81'), /^0\.0\.0\.0:\d+$/m)
  await daemon.crash()
  await daemon.boot()
  for (const host of ['127.0.0.1', '[::1]']) await serves('web', 8080, host)
  await docker('network', 'disconnect', 'outer', 'web')
  for (const address of ['127.0.0.1', '::1']) await refused(8080, address)
  await docker('rm', '-f', 'web')
  await docker('network', 'rm', 'inner', 'outer')
})
