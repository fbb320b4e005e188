/** `RUN --mount=type=secret`: what a step sees of it, and that nobody else ever does. */
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { TestDaemon, type CommandResult, until } from '../../lib/test-daemon.ts'
import { build, inspect, outputOf } from './build-rig.ts'

let daemon: TestDaemon
before(async () => (daemon = await TestDaemon.start()))
after(() => daemon[Symbol.asyncDispose]())

/** A directory with this Dockerfile alone. */
function context(dockerfile: string): string {
  const directory = join(daemon.directory, `context-${randomBytes(4).toString('hex')}`)
  mkdirSync(directory)
  writeFileSync(join(directory, 'Dockerfile'), dockerfile)
  return directory
}

/** A file outside of the data root, with a content that is found nowhere else. */
function secretFile(): { path: string; text: string } {
  const path = join(daemon.directory, `secret-${randomBytes(4).toString('hex')}`)
  const text = `hidden-${randomBytes(16).toString('hex')}`
  writeFileSync(path, text)
  return { path, text }
}

function buildIn(dockerfile: string, ...args: string[]): Promise<CommandResult> {
  return daemon.tdocker('build', '--no-cache', '-t', 'made', ...args, context(dockerfile))
}

/** Files of the daemon in which the bytes are: data root, runtime directory, log. */
function traces(text: string): string[] {
  const where = [daemon.dataRoot, daemon.execRoot, join(daemon.directory, 'daemon.log')]
  // Files that go away meanwhile make its code an error's: only what it found counts.
  const { stdout } = spawnSync('grep', ['-rlaF', '--devices=skip', text, ...where], {
    encoding: 'utf8',
  })
  return stdout.split('\n').filter(Boolean)
}

test('what a step says in the open is found', async () => {
  const text = `open-${randomBytes(16).toString('hex')}`
  assert.equal((await buildIn(`FROM busybox\nRUN echo ${text} > /file\n`)).status, 0)
  assert.notDeepEqual(traces(text), [])
})

test('a secret is a file in memory, with the owner and mode that were asked for', async () => {
  const { path, text } = secretFile()
  const made = await buildIn(
    [
      'FROM busybox',
      'RUN --mount=type=secret,id=one cat /run/secrets/one | md5sum > /sum; stat -c "%a %u %g" /run/secrets/one > /owner',
      'RUN --mount=type=secret,id=one,target=/root/deep/er,mode=0640,uid=7,gid=8 stat -c "%a %u %g" /root/deep/er > /other; grep " /root/deep/er " /proc/mounts > /mounts',
      'RUN --mount=type=secret,id=one echo no > /run/secrets/one || echo refused > /refused',
    ].join('\n'),
    `--secret=id=one,src=${path}`,
  )
  assert.equal(made.status, 0, made.stderr)
  const said = await outputOf(
    daemon,
    'made',
    'cat /sum /owner /other /mounts /refused; ls -d /run/secrets /root/deep 2>/dev/null',
  )
  const sum = execFileSync('md5sum', { input: text, encoding: 'utf8' })
  assert.match(
    said,
    new RegExp(
      `^${sum.split(' ', 1)[0]}  -\n400 0 0\n640 7 8\n\\S+ /root/deep/er tmpfs ro,nosuid,nodev,noexec[^\n]*\nrefused\n$`,
    ),
  )
  assert.deepEqual(traces(text), [])
})

test('a variable of one process, and only of that one', async () => {
  const { path, text } = secretFile()
  const made = await buildIn(
    [
      'FROM busybox',
      'ENV TOKEN=of-the-image',
      'RUN --mount=type=secret,id=one,env=TOKEN echo -n $TOKEN | md5sum > /sum; ls /run/secrets > /files 2>&1 || true',
      'RUN --mount=type=secret,id=one,env=AGAIN,target=/there echo -n $AGAIN | cmp - /there && echo same > /same',
      'RUN echo $TOKEN > /after',
    ].join('\n'),
    `--secret=id=one,src=${path}`,
  )
  assert.equal(made.status, 0, made.stderr)
  const sum = execFileSync('md5sum', { input: text, encoding: 'utf8' })
  assert.equal(
    await outputOf(daemon, 'made', 'cat /sum /same /after'),
    `${sum}same\nof-the-image\n`,
  )
  assert.deepEqual(
    (await inspect(daemon, 'made')).Config?.Env?.includes('TOKEN=of-the-image'),
    true,
  )
  assert.deepEqual(traces(text), [])
})

test('secrets come from files and variables, as buildx names them', async () => {
  const run = (script: string, ...args: string[]): Promise<CommandResult> =>
    daemon.command('env', [
      ...['FROM_ENV=told-by-env', 'plain=told-by-id', process.execPath],
      ...[join(import.meta.dirname, '../../../packages/cli/main.ts'), 'build', '--no-cache', '-q'],
      ...args,
      context(
        `FROM busybox\nRUN --mount=type=secret,id=s ${script}\nRUN --mount=type=secret,id=plain cat /run/secrets/plain || true\n`,
      ),
    ])
  for (const value of [
    'id=s,env=FROM_ENV',
    'type=env,id=s,src=FROM_ENV',
    '"id=s","env=FROM_ENV"',
  ]) {
    const made = await run('test $(cat /run/secrets/s) = told-by-env', '--secret', value)
    assert.equal(made.status, 0, `${value}: ${made.stderr}`)
  }
  const refused: Array<[string, string]> = [
    ['s', "invalid field 's' must be a key=value pair"],
    ['id=s,type=x', 'unsupported secret type "x"'],
    ['id=s,what=x', "unexpected key 'what' in 'what=x'"],
    ['src=/x', 'secret missing ID'],
    ['id=s,src=/nowhere', 'failed to stat /nowhere: stat /nowhere: no such file or directory'],
  ]
  for (const [value, message] of refused) {
    const made = await run('true', '--secret', value)
    assert.equal(made.stderr.trim(), message)
    assert.notEqual(made.status, 0)
  }
  const large = join(daemon.directory, 'large')
  writeFileSync(large, Buffer.alloc(500 * 1024 + 1))
  assert.match(
    (await run('true', `--secret=id=s,src=${large}`)).stderr,
    /^secret s too big\. max size 500KB/,
  )
})

test('one that is not given is nothing, unless it is required', async () => {
  const without = await buildIn(
    'FROM busybox\nRUN --mount=type=secret,id=none,env=NONE test ! -e /run/secrets/none && test -z "${NONE+x}"\n',
  )
  assert.equal(without.status, 0, without.stderr)
  for (const given of [[], [`--secret=id=other,src=${secretFile().path}`]]) {
    const failed = await buildIn(
      'FROM busybox\nRUN --mount=type=secret,id=none,required true\n',
      ...given,
    )
    assert.notEqual(failed.status, 0)
    assert.match(failed.stderr, /secret none: not found\n$/)
  }
})

test('another secret does not run a step again, another name does', async () => {
  const dockerfile = 'FROM busybox\nRUN --mount=type=secret,id=one true\n'
  const directory = context(dockerfile)
  const step = (): Promise<CommandResult> =>
    daemon.tdocker('build', `--secret=id=one,src=${secretFile().path}`, directory)
  await step()
  assert.match((await step()).stdout, /Using cache/)
})

test('inspect, events and a crash tell nothing', async () => {
  const { path, text } = secretFile()
  const building = buildIn(
    'FROM busybox\nRUN --mount=type=secret,id=one,env=TOKEN --mount=type=secret,id=one,target=/there sleep 1000\n',
    `--secret=id=one,src=${path}`,
  )
  const containers = async (): Promise<Array<{ Id: string; State: string }>> =>
    (await daemon.api.get<Array<{ Id: string; State: string }>>('/containers/json?all=1')).body
  await until('the step', async () => (await containers())[0]?.State === 'running')
  const [step] = await containers()
  const told = await daemon.api.get(`/containers/${step?.Id}/json`)
  assert.ok(!JSON.stringify(told.body).includes(text))
  const events = await daemon.tdocker('events', '--since', '0', '--until', '0s')
  assert.ok(!events.stdout.includes(text))
  assert.deepEqual(traces(text), [])
  await daemon.crash()
  assert.deepEqual(traces(text), [])
  await building
  await daemon.boot()
  await until('the end of the step', async () => (await containers()).length === 0)
  assert.deepEqual(traces(text), [])
  rmSync(path)
})

test('a client without a session has no secrets', async () => {
  const made = await build(daemon, {
    Dockerfile: 'FROM busybox\nRUN --mount=type=secret,id=none,required true\n',
  })
  assert.equal(made.error, 'secret none: not found')
  const unknown = await build(daemon, { Dockerfile: 'FROM busybox\n' }, { session: 'f'.repeat(32) })
  assert.match(unknown.error, /^no active session for f+: context deadline exceeded$/)
})
