/** `login` and `logout` of our CLI beside docker's, both through our daemon: what is said, and what is kept. */
import assert from 'node:assert/strict'
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { after, before, beforeEach, test } from 'node:test'
import { type Outcome, runCli } from '@tdocker/cli/testing/run-cli.ts'
import { busyboxImage } from '../../lib/image-maker.ts'
import {
  CREDENTIALS,
  FaultRegistry,
  type TestRegistry,
  TokenServer,
  startRegistry,
} from '../../lib/registry.ts'
import { TestDaemon } from '../../lib/test-daemon.ts'

let daemon: TestDaemon
let basic: TestRegistry
let tokens: TokenServer
let own: FaultRegistry
const { username, password } = CREDENTIALS

before(async () => {
  basic = await startRegistry({ htpasswd: true })
  tokens = await TokenServer.start()
  own = await FaultRegistry.start()
  own.faults.push(tokens.guard())
  own.add('app:1', await busyboxImage())
  daemon = await TestDaemon.start({ busybox: false })
})

after(async () => {
  await daemon[Symbol.asyncDispose]()
  for (const server of [basic, tokens, own]) await server[Symbol.asyncDispose]()
})

const configs = (): [string, string] => [
  join(daemon.directory, 'ours'),
  join(daemon.directory, 'docker'),
]

beforeEach(() => {
  for (const config of configs()) {
    rmSync(config, { recursive: true, force: true })
    mkdirSync(config)
  }
})

async function docker(args: readonly string[], config: string, stdin: string): Promise<Outcome> {
  const child = spawn('docker', args, {
    env: {
      PATH: `${config}:${process.env['PATH']}`,
      DOCKER_CONFIG: config,
      DOCKER_HOST: `unix://${daemon.socket}`,
    },
  })
  child.stdin.on('error', () => {})
  child.stdin.end(stdin)
  const [stdout, stderr, code] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    new Promise<number | null>((resolve) => child.once('close', resolve)),
  ])
  return { code, stdout, stderr }
}

/** Both do the same and leave the same behind; the last line of stderr is what went wrong. */
async function same(
  args: readonly string[],
  stdin = '',
): Promise<{ code: number | null; kept: unknown }> {
  const [ours, theirs] = configs()
  const host = `unix://${daemon.socket}`
  const outcomes = [
    await runCli(args, { host, config: ours, path: ours, stdin }),
    await docker(args, theirs, stdin),
  ]
  const [our, their] = outcomes.map(({ code, stdout, stderr }) => ({
    code,
    stdout,
    problem: code === 0 ? '' : stderr.trim().split('\n').at(-1),
  }))
  assert.deepEqual(our, their, args.join(' '))
  const [kept, theirKept] = configs().map((config) => {
    const file = join(config, 'config.json')
    return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as object) : {}
  })
  assert.deepEqual(kept, theirKept, args.join(' '))
  return { code: our?.code ?? null, kept }
}

test('in and out of a registry with passwords', async () => {
  const stdin = ['login', '-u', username, '--password-stdin', basic.host]
  const auth = Buffer.from(`${username}:${password}`).toString('base64')
  const expected = { code: 0, kept: { auths: { [basic.host]: { auth } } } }
  assert.deepEqual(await same(stdin, `${password}\n`), expected)
  // Once more, with what is kept.
  assert.deepEqual(await same(['login', basic.host]), expected)
  assert.equal((await same(stdin, 'wrong')).code, 1)
  assert.deepEqual(await same(['logout', `https://${basic.host}/v2/`]), {
    code: 0,
    kept: { auths: {} },
  })
  assert.equal(
    (await same(['login', '-u', username, '-p', password, `http://${basic.host}`])).code,
    0,
  )
})

test('in and out of a registry with tokens: a token is kept, not the password', async () => {
  const line = ['login', '-u', username, '--password-stdin', own.host]
  const [config] = configs()
  const host = `unix://${daemon.socket}`
  const { code, stderr } = await runCli(line, { host, config, stdin: password })
  assert.deepEqual([code, stderr], [0, ''])
  const { auths } = JSON.parse(readFileSync(join(config, 'config.json'), 'utf8')) as {
    auths: Record<string, { auth: string; identitytoken: string }>
  }
  const kept = auths[own.host]
  assert.equal(kept?.auth, Buffer.from(`${username}:`).toString('base64'))
  assert.match(kept.identitytoken, /^refresh-/)
  const pull = await runCli(['pull', `${own.host}/app:1`], { host, config })
  assert.equal(pull.code, 0, pull.stderr)
  assert.equal(tokens.seen.at(-1)?.method, 'POST')
  rmSync(join(config, 'config.json'))
  const refused = await same(line, 'wrong')
  assert.equal(refused.code, 1)
})

test('flags that do not go together, and nobody to ask', async () => {
  const lines = [
    ['login', basic.host],
    ['login', '-u', 'me', basic.host],
    ['login', '--password-stdin', basic.host],
    ['login', '-p', 'x', '--password-stdin', '-u', 'me', basic.host],
    ['login', '-u', '', basic.host],
    ['login', '-u', 'me', '-p', '', basic.host],
    ['login', '-u', 'me', '--password-stdin', basic.host],
    ['login', '-u', 'me', '-p', 'x', '127.0.0.1:1'],
  ]
  for (const line of lines) assert.equal((await same(line)).code === 0, false, line.join(' '))
  assert.deepEqual(await same(['logout']), { code: 0, kept: {} })
  assert.deepEqual(await same(['logout', 'nobody.test']), { code: 0, kept: {} })
})

test('helper programs keep what config.json does not', async () => {
  for (const config of configs()) {
    const program = join(config, 'docker-credential-test')
    writeFileSync(
      program,
      `#!/bin/sh
cd ${config}
case $1 in
store) cat > kept ;;
get) read server; [ -e kept ] && grep -q "$server" kept && cat kept || { echo credentials not found in native keychain; exit 1; } ;;
erase) rm -f kept ;;
esac
`,
    )
    chmodSync(program, 0o755)
    writeFileSync(join(config, 'config.json'), '{"credHelpers":{"' + basic.host + '":"test"}}')
  }
  const kept = (): string[] =>
    configs().map((config) => {
      const file = join(config, 'kept')
      return existsSync(file) ? readFileSync(file, 'utf8').trim() : ''
    })
  await same(['login', '-u', username, '--password-stdin', basic.host], password)
  const secret = { ServerURL: basic.host, Username: username, Secret: password }
  assert.deepEqual(
    kept().map((one) => JSON.parse(one) as unknown),
    [secret, secret],
  )
  assert.equal((await same(['login', basic.host])).code, 0)
  assert.equal((await same(['logout', basic.host])).code, 0)
  assert.deepEqual(kept(), ['', ''])
})
