import '../network/private-netns.ts'
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { after, before, test } from 'node:test'
import { TestDaemon, until } from '../../lib/test-daemon.ts'

let daemon: TestDaemon

before(async () => {
  execFileSync('ip', ['link', 'set', 'lo', 'up'])
  daemon = await TestDaemon.start({
    env: { DOCKER_KEEP_DEPRECATED_LEGACY_LINKS_ENV_VARS: '1' },
  })
})

after(() => daemon[Symbol.asyncDispose]())

const SLEEP = ['sleep', '1000']

async function docker(...args: string[]): Promise<string> {
  const { status, stdout, stderr } = await daemon.docker(...args)
  assert.equal(status, 0, `docker ${args.join(' ')}: ${stderr}`)
  return stdout.trim()
}

const addressOf = (name: string) =>
  docker('inspect', '-f', '{{.NetworkSettings.Networks.bridge.IPAddress}}', name)

test('a link gives names, variables and a way; a new address is followed', async () => {
  const serve = 'mkdir /www; echo of-db > /www/index.html; exec httpd -f -p 80 -h /www'
  const db = ['-d', '--name', 'db', '-h', 'dbhost', '--expose', '80', '-e', 'USER=me', 'busybox']
  await docker('run', ...db, 'sh', '-c', serve)
  await docker('run', '-d', '--name', 'web', '--link', 'db:store', 'busybox', ...SLEEP)
  const first = await addressOf('db')
  const hosts = () => docker('exec', 'web', 'cat', '/etc/hosts')
  assert.match(await hosts(), new RegExp(`^${first}\tstore dbhost db$`, 'm'))
  await until('the page', async () =>
    (await daemon.docker('exec', 'web', 'wget', '-qO-', 'http://store/')).stdout.includes('of-db'),
  )
  // As Docker says of them, they are the first process's.
  const variables = (
    await docker('exec', 'web', 'sh', '-c', "tr '\\000' '\\n' < /proc/1/environ")
  ).split('\n')
  for (const wanted of [
    `STORE_PORT=tcp://${first}:80`,
    `STORE_PORT_80_TCP_ADDR=${first}`,
    'STORE_NAME=/web/store',
    'STORE_ENV_USER=me',
  ])
    assert.ok(variables.includes(wanted), `${wanted} in ${variables.join(' ')}`)
  assert.equal(await docker('inspect', '-f', '{{.HostConfig.Links}}', 'web'), '[/db:/web/store]')
  assert.equal(await docker('inspect', '-f', '{{.Name}}', 'web/store'), '/db')
  const { body } = await daemon.api.get<Array<{ Names: string[] }>>(
    `/containers/json?filters=${encodeURIComponent(JSON.stringify({ name: ['db'] }))}`,
  )
  assert.deepEqual(body[0]?.Names, ['/db', '/web/store'])

  // Addresses are not given out again at once.
  await docker('stop', '-t', '0', 'db')
  await docker('start', 'db')
  const second = await addressOf('db')
  assert.notEqual(second, first)
  assert.match(await hosts(), new RegExp(`^${second}\tstore dbhost db$`, 'm'))

  await docker('rm', '--link', 'web/store')
  assert.doesNotMatch(await hosts(), /store/)
  assert.equal(await docker('inspect', '-f', '{{.HostConfig.Links}}', 'web'), '[]')
  await docker('rm', '-f', 'web', 'db')
})

test('who links to what does not run does not start; the daemon starts them in order', async () => {
  const always = ['--restart', 'always']
  await docker('create', '--name', 'back', ...always, 'busybox', ...SLEEP)
  await docker('create', '--name', 'front', ...always, '--link', 'back', 'busybox', ...SLEEP)
  const refused = await daemon.docker('start', 'front')
  assert.match(refused.stderr, /Cannot link to a non running container: \/back AS \/front\/back/)
  await docker('start', 'back')
  await docker('start', 'front')
  for (const name of ['front', 'back']) await docker('kill', name)
  await daemon.crash()
  await daemon.boot()
  await until(
    'both',
    async () =>
      (await docker('inspect', '-f', '{{.State.Running}}', 'front', 'back')) === 'true\ntrue',
  )
  const hosts = await docker('exec', 'front', 'cat', '/etc/hosts')
  assert.match(hosts, new RegExp(`^${await addressOf('back')}\tback [0-9a-f]{12}$`, 'm'))
  await docker('rm', '-f', 'front', 'back')
})

test("an unknown container is the request's mistake, not a missing image", async () => {
  const { stderr } = await daemon.docker('create', '--link', 'nobody', 'busybox')
  assert.match(stderr, /could not get container for nobody: No such container: nobody/)
})
