/** Contexts over a session: what goes over the connection, and that the files are what they are. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import {
  chmodSync,
  linkSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { CountingProxy } from '../../lib/counting-proxy.ts'
import { type CommandResult, TestDaemon, until } from '../../lib/test-daemon.ts'
import { outputOf } from './build-rig.ts'

let daemon: TestDaemon
let proxy: CountingProxy
before(async () => {
  daemon = await TestDaemon.start()
  proxy = await CountingProxy.start(join(daemon.directory, 'proxy'), daemon.socket)
})
after(async () => {
  await proxy[Symbol.asyncDispose]()
  await daemon[Symbol.asyncDispose]()
})

const LIST =
  'cd /ctx; find . ! -name . | sort | while read f; do stat -c "%n %F %a %Y" "$f"; done; find . -type f -print0 | sort -z | xargs -0 md5sum'

function directory(name: string): string {
  const path = join(daemon.directory, name)
  mkdirSync(path)
  return path
}

/** Answers what was sent, too. */
async function buildIn(
  context: string,
  ...args: string[]
): Promise<CommandResult & { sent: number }> {
  proxy.sent = 0
  const made = await daemon.tdocker(
    '-H',
    `unix://${proxy.path}`,
    'build',
    '-t',
    'made',
    ...args,
    context,
  )
  assert.equal(made.status, 0, `${made.stdout}${made.stderr}`)
  return { ...made, sent: proxy.sent }
}

/** The same context as a tar and over a session: the trees must not differ. */
async function assertSame(context: string): Promise<void> {
  await buildIn(context, '--no-cache')
  const session = await outputOf(daemon, 'made', LIST)
  await buildIn(context, '--no-cache', '--compress')
  assert.equal(session, await outputOf(daemon, 'made', LIST))
}

const kept = (): string[] => readdirSync(join(daemon.dataRoot, 'build-contexts'))

test('only what changed is sent', async () => {
  const context = directory('large')
  writeFileSync(join(context, 'Dockerfile'), 'FROM busybox\nCOPY . /ctx\n')
  for (let at = 0; at < 8; at++)
    writeFileSync(join(context, `file-${at}`), randomBytes(1024 * 1024))
  const first = await buildIn(context)
  assert.ok(first.sent > 8 * 1024 * 1024, `${first.sent} bytes`)
  const second = await buildIn(context)
  assert.ok(second.sent < 10_000, `${second.sent} bytes`)
  assert.match(second.stdout + second.stderr, /Using cache|CACHED/)
  writeFileSync(join(context, 'file-3'), randomBytes(300_000))
  const third = await buildIn(context)
  assert.ok(third.sent > 300_000 && third.sent < 400_000, `${third.sent} bytes`)
  await assertSame(context)
})

test('a tree that changes in every way is what it is', async () => {
  const context = directory('tree')
  const at = (...names: string[]): string => join(context, ...names)
  writeFileSync(at('Dockerfile'), 'FROM busybox\nCOPY . /ctx\n')
  mkdirSync(at('a', 'b', 'c'), { recursive: true })
  writeFileSync(at('a', 'b', 'one'), 'one')
  writeFileSync(at('a', 'b', 'c', 'two'), 'two')
  writeFileSync(at('ümläut'), 'u')
  writeFileSync(at('a file with spaces'), '')
  writeFileSync(at(`long-${'x'.repeat(200)}`), 'long')
  symlinkSync('a/b/one', at('link'))
  symlinkSync('/nowhere', at('dangling'))
  linkSync(at('a', 'b', 'one'), at('other-name'))
  await assertSame(context)
  // Mode and time, content, a move, a directory for a file and the other way, links.
  chmodSync(at('a', 'b', 'c', 'two'), 0o700)
  utimesSync(at('ümläut'), 1_000_000, 1_000_000)
  writeFileSync(at('a', 'b', 'one'), 'another')
  renameSync(at('a', 'b', 'c'), at('moved'))
  rmSync(at('a file with spaces'))
  mkdirSync(at('a file with spaces'))
  writeFileSync(at('a file with spaces', 'x'), 'x')
  rmSync(at('link'))
  writeFileSync(at('link'), 'a file')
  await assertSame(context)
  rmSync(at('a file with spaces'), { recursive: true })
  writeFileSync(at('a file with spaces'), 'again')
  rmSync(at('a'), { recursive: true })
  rmSync(at('other-name'))
  await assertSame(context)
})

test('a file that is changed within a tick of the clock is seen', async () => {
  const context = directory('racy')
  writeFileSync(join(context, 'Dockerfile'), 'FROM busybox\nCOPY file /file\n')
  for (const content of ['aaaa', 'bbbb', 'cccc']) {
    writeFileSync(join(context, 'file'), content)
    utimesSync(join(context, 'file'), 1_000_000, 1_000_000)
    await buildIn(context)
    assert.equal(await outputOf(daemon, 'made', 'cat /file'), content)
  }
})

test('what the ignore file names is not sent; Dockerfiles come from anywhere', async () => {
  const context = directory('ignoring')
  const outside = join(daemon.directory, 'Outside')
  writeFileSync(join(context, '.dockerignore'), 'large\nDockerfile\n.dockerignore\n')
  writeFileSync(join(context, 'large'), randomBytes(2 * 1024 * 1024))
  writeFileSync(join(context, 'small'), 'small')
  const dockerfile = 'FROM busybox\nCOPY . /ctx\nRUN ls -A /ctx > /list\n'
  writeFileSync(join(context, 'Dockerfile'), dockerfile)
  const made = await buildIn(context)
  assert.ok(made.sent < 20_000, `${made.sent} bytes`)
  assert.equal(await outputOf(daemon, 'made', 'cat /list'), 'small\n')
  writeFileSync(outside, `${dockerfile}RUN echo outside > /which\n`)
  await buildIn(context, '-f', outside)
  assert.equal(await outputOf(daemon, 'made', 'cat /list /which'), 'small\noutside\n')
  writeFileSync(`${outside}.dockerignore`, 'small\nlarge\n')
  await buildIn(context, '-f', outside)
  assert.equal(await outputOf(daemon, 'made', 'cat /list'), '.dockerignore\nDockerfile\n')
})

test('named directories, and one that changes while another build has it', async () => {
  const [context, named] = [directory('naming'), directory('named')]
  writeFileSync(
    join(context, 'Dockerfile'),
    'FROM busybox\nCOPY --from=other . /ctx\nRUN --mount=type=bind,from=other,target=/o sleep 2; cat /o/file > /late\n',
  )
  writeFileSync(join(named, 'file'), 'first')
  writeFileSync(join(named, '.dockerignore'), 'hidden\n')
  writeFileSync(join(named, 'hidden'), 'hidden')
  const build = (tag: string): Promise<CommandResult> =>
    daemon.tdocker('build', '-q', '-t', tag, '--build-context', `other=${named}`, context)
  const first = build('first')
  await until('the step', async () => {
    const { body } = await daemon.api.get<Array<{ State: string }>>('/containers/json')
    return body.length > 0
  })
  writeFileSync(join(named, 'file'), 'second')
  const second = await build('second')
  assert.equal(second.status, 0, second.stderr)
  assert.equal((await first).status, 0)
  assert.equal(
    await outputOf(daemon, 'first', 'cat /late; ls -A /ctx'),
    'first.dockerignore\nfile\n',
  )
  assert.equal(await outputOf(daemon, 'second', 'cat /late'), 'second')
})

test('a client that goes away does not take along what was there', async () => {
  const context = directory('leaving')
  writeFileSync(join(context, 'Dockerfile'), 'FROM busybox\nCOPY . /ctx\n')
  for (let at = 0; at < 4; at++) writeFileSync(join(context, `f${at}`), randomBytes(1024 * 1024))
  await buildIn(context)
  writeFileSync(join(context, 'huge'), Buffer.alloc(20 * 1024 * 1024, 'x'))
  rmSync(join(context, 'f0'))
  Object.assign(proxy, { sent: 0, holdAt: 10 * 1024 * 1024 })
  const cli = join(import.meta.dirname, '../../../packages/cli/main.ts')
  const leaving = spawn(process.execPath, [cli, '-H', `unix://${proxy.path}`, 'build', context], {
    stdio: 'ignore',
    env: { ...process.env, XDG_CACHE_HOME: join(daemon.directory, 'cache') },
  })
  await until('a part of it', async () => proxy.sent >= proxy.holdAt)
  leaving.kill('SIGKILL')
  proxy.holdAt = Infinity
  rmSync(join(context, 'huge'))
  writeFileSync(join(context, 'f1'), randomBytes(1024 * 1024))
  const again = await buildIn(context)
  assert.ok(again.sent > 1024 * 1024 && again.sent < 2 * 1024 * 1024, `${again.sent} bytes`)
  await assertSame(context)
})

test('after a crash in the middle nothing is left, and the next build is right', async () => {
  const context = directory('crashing')
  writeFileSync(join(context, 'Dockerfile'), 'FROM busybox\nCOPY . /ctx\n')
  const before = kept().length
  // Once of a directory that is new here, once of one that is known.
  for (const round of [0, 1]) {
    for (let at = 0; at < 10; at++) writeFileSync(join(context, `f${at}`), randomBytes(1024 * 1024))
    Object.assign(proxy, { sent: 0, holdAt: 5 * 1024 * 1024 })
    const running = daemon.tdocker('-H', `unix://${proxy.path}`, 'build', '-q', context)
    await until('a part of it', async () => proxy.sent >= proxy.holdAt)
    await daemon.crash()
    proxy.holdAt = Infinity
    await running
    await daemon.boot()
    await until('its end', async () => kept().length === before)
    if (round === 0) await buildIn(context)
  }
  await assertSame(context)
})

test('nothing is kept for a client that is not known again; what is damaged is sent again', async () => {
  const context = directory('homeless')
  writeFileSync(join(context, 'Dockerfile'), 'FROM busybox\nCOPY . /ctx\n')
  const before = kept()
  const cli = join(import.meta.dirname, '../../../packages/cli/main.ts')
  const homeless = ['-u', 'HOME', '-u', 'XDG_CACHE_HOME', process.execPath, cli, 'build', context]
  assert.equal((await daemon.command('env', homeless)).status, 0)
  await until('its removal', async () => kept().length === before.length)
  await buildIn(context)
  const [own = ''] = kept().filter((id) => !before.includes(id))
  rmSync(join(daemon.dataRoot, 'build-contexts', own, 'files'), { recursive: true })
  const damaged = await daemon.tdocker('build', context)
  assert.match(damaged.stderr, /what was kept of it is damaged/)
  await assertSame(context)
})

test('what a step does to a mounted context is gone with it', async () => {
  const context = directory('mounted')
  writeFileSync(
    join(context, 'Dockerfile'),
    'FROM busybox\nRUN --mount=type=bind,target=/src,rw echo evil > /src/file; rm /src/other; touch /src/new\nCOPY . /ctx\n',
  )
  for (const name of ['file', 'other']) writeFileSync(join(context, name), name)
  for (let round = 0; round < 2; round++) {
    await buildIn(context, '--no-cache')
    assert.equal(
      await outputOf(daemon, 'made', 'cd /ctx; ls; cat file'),
      'Dockerfile\nfile\nother\nfile',
    )
  }
})

test('kept directories are part of the cache: listed, and pruned', async () => {
  const { body } = await daemon.api.get<{ BuildCache: Array<{ Type: string; Size: number }> }>(
    '/system/df',
  )
  const local = body.BuildCache.filter(({ Type }) => Type === 'source.local')
  assert.equal(local.length, kept().length)
  assert.ok(local.some(({ Size }) => Size > 8 * 1024 * 1024))
  const pruned = await daemon.tdocker('builder', 'prune', '-f', '--filter', 'type=source.local')
  assert.equal(pruned.status, 0, pruned.stderr)
  assert.deepEqual(kept(), [])
})

test('another daemon gets a tar, and no secrets', async () => {
  const { createServer } = await import('node:http')
  const asked: string[] = []
  const other = createServer((request, response) => {
    asked.push(`${request.method} ${request.url?.replace(/^\/v[\d.]+|\?.*/g, '')}`)
    request.resume()
    request.on('end', () => {
      if (request.url?.includes('/_ping')) return response.setHeader('Api-Version', '1.44').end()
      if (request.url?.includes('/build/session'))
        return response.writeHead(404).end('{"message":"page not found"}')
      return response.end('{"stream":"Successfully built 0\\n"}\r\n')
    })
  })
  const path = join(daemon.directory, 'other')
  await new Promise<void>((listening) => other.listen(path, listening))
  try {
    const context = directory('foreign')
    writeFileSync(join(context, 'Dockerfile'), 'FROM busybox\n')
    const made = await daemon.tdocker('-H', `unix://${path}`, 'build', context)
    assert.equal(made.status, 0, made.stderr)
    assert.deepEqual(asked.slice(-2), ['POST /build/session', 'POST /build'])
    const refused = await daemon.tdocker(
      '-H',
      `unix://${path}`,
      'build',
      '--secret=id=PATH',
      context,
    )
    assert.notEqual(refused.status, 0)
    assert.match(refused.stderr, /^--secret needs a daemon of tdocker/)
  } finally {
    other.close()
  }
})
