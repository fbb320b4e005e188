/** `RUN --mount=type=ssh`: a real agent, and keys, as a real client of the agent sees them in a step. */
import assert from 'node:assert/strict'
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { after, before, test } from 'node:test'
import { type CommandResult, hasProgram, TestDaemon, until } from '../../lib/test-daemon.ts'
import { outputOf } from './build-rig.ts'

const skip = hasProgram('ssh-agent') && hasProgram('ssh-add') ? false : 'no openssh-client'

let daemon: TestDaemon
let agent: ChildProcess | undefined
let socket = ''
const types = ['ed25519', 'rsa', 'ecdsa'] as const

const key = (name: string): string => join(daemon.directory, `key-${name}`)
const publicKey = (name: string): string => readFileSync(`${key(name)}.pub`, 'utf8').trim()

/** Without the comment. */
const bare = (line: string): string => line.split(' ', 2).join(' ')

before(async () => {
  daemon = await TestDaemon.start()
  if (skip !== false) return
  for (const type of types)
    execFileSync('ssh-keygen', ['-q', '-t', type, '-N', '', '-C', '', '-f', key(type)])
  socket = join(daemon.directory, 'agent')
  agent = spawn('ssh-agent', ['-D', '-a', socket], { stdio: 'ignore' })
  await until('the agent', async () => existsSync(socket))
  for (const type of types) agentSays(key(type))
})
after(async () => {
  agent?.kill()
  await daemon[Symbol.asyncDispose]()
})

function agentSays(...args: string[]): string {
  const env = { ...process.env, SSH_AUTH_SOCK: socket }
  return execFileSync('ssh-add', args, { env, encoding: 'utf8', stdio: 'pipe' })
}

/** The host's ssh-add with its libraries, and the public keys, as a context. */
function context(dockerfile: string): string {
  const directory = join(daemon.directory, 'context')
  if (!existsSync(directory)) {
    const needs = execFileSync('ldd', ['/usr/bin/ssh-add'], { encoding: 'utf8' })
    for (const [path] of [...needs.matchAll(/\/\S+/g), ['/usr/bin/ssh-add']] as Array<[string]>) {
      mkdirSync(dirname(join(directory, 'root', path)), { recursive: true })
      copyFileSync(path, join(directory, 'root', path))
    }
    mkdirSync(join(directory, 'keys'))
    for (const type of types) copyFileSync(`${key(type)}.pub`, join(directory, 'keys', type))
  }
  writeFileSync(
    join(directory, 'Dockerfile'),
    `FROM busybox\nCOPY root /\nCOPY keys /keys\nRUN echo root:x:0:0::/:/bin/sh > /etc/passwd\n${dockerfile}\n`,
  )
  return directory
}

function buildIn(dockerfile: string, ...args: string[]): Promise<CommandResult> {
  const cli = join(import.meta.dirname, '../../../packages/cli/main.ts')
  return daemon.command('env', [
    ...[`SSH_AUTH_SOCK=${socket}`, process.execPath, cli, 'build', '-t', 'made'],
    ...[...args, context(dockerfile)],
  ])
}

test('an agent lists its keys and signs; the socket is gone with the step', { skip }, async () => {
  const made = await buildIn(
    [
      'RUN --mount=type=ssh ssh-add -L > /keys/seen; ssh-add -T /keys/ed25519 /keys/rsa /keys/ecdsa && echo $SSH_AUTH_SOCK > /where; stat -c "%a %u %g %F" $SSH_AUTH_SOCK >> /where',
      'RUN --mount=type=ssh,target=/tmp/agent,mode=0666,uid=3,gid=4 --mount=type=ssh echo $SSH_AUTH_SOCK; stat -c "%a %u %g" /tmp/agent; test -S /run/buildkit/ssh_agent.1',
      'RUN test -z "$SSH_AUTH_SOCK"',
    ].join('\n'),
    ...['--no-cache', '--ssh', 'default'],
  )
  assert.equal(made.status, 0, `${made.stdout}${made.stderr}`)
  assert.match(made.stdout + made.stderr, /\/tmp\/agent\n[^]*666 3 4\n/)
  const [where, owner, ...keys] = (
    await outputOf(daemon, 'made', 'cat /where /keys/seen; ls -d /run/buildkit /tmp/agent 2>&-')
  ).split('\n')
  assert.deepEqual([where, owner], ['/run/buildkit/ssh_agent.0', '600 0 0 socket'])
  assert.deepEqual(keys.map(bare), [...types.map((type) => bare(publicKey(type))), ''])
})

test('nothing of the agent can be changed from a step', { skip }, async () => {
  const made = await buildIn(
    `RUN --mount=type=ssh ssh-add -D && echo removed; ssh-add -d /keys/rsa && echo removed; echo x | ssh-add -x && echo locked; ssh-add -L | wc -l > /count`,
    ...['--no-cache', '--ssh', `default=${socket}`],
  )
  assert.equal(made.status, 0, made.stderr)
  assert.doesNotMatch(made.stdout + made.stderr, /^(removed|locked)/m)
  assert.equal(await outputOf(daemon, 'made', 'cat /count'), '3\n')
  assert.equal(agentSays('-L').trim().split('\n').length, 3)
})

test('key files are an agent of their own', { skip }, async () => {
  const pem = key('pem')
  execFileSync('openssl', ['genrsa', '-out', pem], { stdio: 'pipe' })
  execFileSync('chmod', ['600', pem])
  const made = await buildIn(
    [
      'RUN --mount=type=ssh,id=own ssh-add -T /keys/ed25519 /keys/rsa /keys/ecdsa && ssh-add -L > /keys/seen',
      'RUN --mount=type=ssh,id=pem ssh-add -L > /pem; ssh-add -T /pem',
    ].join('\n'),
    ...['--no-cache', '--ssh', `own=${types.map(key).join(',')}`, '--ssh', `pem=${pem}`],
  )
  assert.equal(made.status, 0, `${made.stdout}${made.stderr}`)
  const seen = await outputOf(daemon, 'made', 'cat /keys/seen')
  assert.deepEqual(
    seen.trim().split('\n').map(bare),
    types.map((type) => bare(publicKey(type))),
  )
})

test('what is not there is told, where it is required', { skip }, async () => {
  const none = await buildIn('RUN --mount=type=ssh test -z "$SSH_AUTH_SOCK"')
  assert.equal(none.status, 0, none.stderr)
  const required = await buildIn('RUN --mount=type=ssh,required true')
  assert.match(required.stderr, /no SSH key "default" forwarded from the client\n$/)
  const other = await buildIn('RUN --mount=type=ssh,id=x,required true', '--ssh', 'default')
  assert.match(other.stderr, /unset ssh forward key x\n$/)
  const locked = key('locked')
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', 'secret', '-f', locked])
  const refused: Array<[string[], RegExp]> = [
    [['a=/nowhere'], /^stat \/nowhere: no such file or directory\n/],
    [['a', 'a'], /^duplicate agent ID "a"\n/],
    [[`a=${key('rsa')},${socket}`], /^invalid combination of keys and sockets\n/],
    [[`a=${socket},${key('rsa')}`], /^only single socket allowed\n/],
    [[`a=${locked}`], /^failed to parse \S+: ssh: this private key is passphrase protected/],
    [[`a=${key('rsa')}.pub`], /^failed to parse \S+: ssh: no key found\n/],
  ]
  for (const [values, message] of refused) {
    const made = await buildIn('RUN true', ...values.flatMap((value) => ['--ssh', value]))
    assert.match(made.stderr, message)
  }
  const unset = await daemon.command('env', [
    ...['-u', 'SSH_AUTH_SOCK', process.execPath],
    ...[
      join(import.meta.dirname, '../../../packages/cli/main.ts'),
      'build',
      '--ssh=default',
      context(''),
    ],
  ])
  assert.equal(unset.stderr, 'invalid empty ssh agent socket: make sure SSH_AUTH_SOCK is set\n')
})
