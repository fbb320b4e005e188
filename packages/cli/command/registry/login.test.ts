import assert from 'node:assert/strict'
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, beforeEach, test } from 'node:test'
import { FakeDaemon } from '../../testing/fake-daemon.ts'
import type { Answer, Seen } from '../../testing/fake-daemon.ts'
import { runCli } from '../../testing/run-cli.ts'

const config = mkdtempSync(join(tmpdir(), 'tdocker-cli-login-'))
const file = join(config, 'config.json')
after(() => rmSync(config, { recursive: true }))
beforeEach(() => rmSync(file, { force: true }))

function registry({ line, body }: Seen): Answer | undefined {
  if (line !== 'POST /auth') return undefined
  const { password } = JSON.parse(body) as { password: string }
  return password === 'good'
    ? { body: { Status: 'Login Succeeded', IdentityToken: '' } }
    : { status: 401, body: { message: 'unauthorized' } }
}

const stored = (): Record<string, unknown> =>
  JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>

test('login keeps the credentials beside what else is in config.json; logout takes them out', async () => {
  writeFileSync(file, '{"psFormat":"x","unknown":{"a":1}}', { mode: 0o644 })
  await using daemon = await FakeDaemon.start(registry)
  const args = ['login', '-u', 'me', '--password-stdin', 'https://reg.example/v2/']
  const login = await runCli(args, { host: daemon.host, config, stdin: 'good\n' })
  assert.deepEqual([login.code, login.stdout], [0, 'Login Succeeded\n'])
  assert.deepEqual(JSON.parse(daemon.seen.at(-1)?.body ?? ''), {
    username: 'me',
    password: 'good',
    serveraddress: 'reg.example',
  })
  const auth = Buffer.from('me:good').toString('base64')
  assert.deepEqual(stored(), {
    psFormat: 'x',
    unknown: { a: 1 },
    auths: { 'reg.example': { auth } },
  })
  assert.equal(statSync(file).mode & 0o777, 0o600)
  const logout = await runCli(['logout', 'reg.example'], { host: daemon.host, config })
  assert.equal(logout.stdout, 'Removing login credentials for reg.example\n')
  assert.deepEqual(stored(), { psFormat: 'x', unknown: { a: 1 }, auths: {} })
})

test('a refused login keeps nothing', async () => {
  await using daemon = await FakeDaemon.start(registry)
  const args = ['login', '-u', 'me', '-p', 'bad', 'reg.example']
  const { code, stderr } = await runCli(args, { host: daemon.host, config })
  assert.equal(code, 1)
  assert.match(stderr, /Error response from daemon: unauthorized\n$/)
  assert.throws(() => stored(), { code: 'ENOENT' })
})

test('pull sends the credentials of the image’s registry, from a helper program too', async () => {
  const program = join(config, 'docker-credential-fake')
  writeFileSync(
    program,
    `#!/bin/sh
read server
[ "$1" = get ] && [ "$server" = helped.example ] || { echo credentials not found in native keychain; exit 1; }
echo '{"ServerURL":"'$server'","Username":"he","Secret":"lp"}'
`,
  )
  chmodSync(program, 0o755)
  const auth = Buffer.from('me:good').toString('base64')
  const credHelpers = { 'helped.example': 'fake', 'empty.example': 'fake' }
  writeFileSync(file, JSON.stringify({ auths: { 'reg.example': { auth } }, credHelpers }))
  await using daemon = await FakeDaemon.start(() => ({ body: { status: 'ok' } }))
  const sent = async (image: string): Promise<unknown> => {
    const { code } = await runCli(['pull', '-q', image], {
      host: daemon.host,
      config,
      path: config,
    })
    assert.equal(code, 0)
    const header = daemon.seen.at(-1)?.headers['x-registry-auth']
    return header === undefined
      ? undefined
      : JSON.parse(Buffer.from(String(header), 'base64url').toString())
  }
  assert.deepEqual(await sent('reg.example/a'), {
    username: 'me',
    password: 'good',
    serveraddress: 'reg.example',
  })
  assert.deepEqual(await sent('helped.example/a'), {
    username: 'he',
    password: 'lp',
    serveraddress: 'helped.example',
  })
  assert.equal(await sent('empty.example/a'), undefined)
  assert.equal(await sent('busybox'), undefined)
})

test('no terminal, no questions', async () => {
  await using daemon = await FakeDaemon.start(registry)
  const { code, stderr } = await runCli(['login', 'reg.example'], { host: daemon.host, config })
  assert.equal(code, 1)
  assert.equal(stderr, 'Error: Cannot perform an interactive login from a non TTY device\n')
})
