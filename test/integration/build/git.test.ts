/** Contexts from git. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { GitServer, type GitRepository } from '../../lib/git-server.ts'
import { TestDaemon } from '../../lib/test-daemon.ts'
import { build, built, inspect, outputOf, type Built } from './build-rig.ts'

let daemon: TestDaemon
let server: GitServer
let repository: GitRepository
before(async () => {
  daemon = await TestDaemon.start()
  server = await GitServer.start()
  repository = server.repository('app')
})
after(async () => {
  await server[Symbol.asyncDispose]()
  await daemon[Symbol.asyncDispose]()
})

const fromGit = (remote: string, query: Record<string, string> = {}): Promise<Built> =>
  built(daemon, Buffer.alloc(0), { remote, ...query })
const SHOW = 'FROM busybox\nCOPY . /c/\n'

test('branch, tag, commit and subdirectory', async () => {
  const first = repository.commit({
    Dockerfile: SHOW,
    f: 'one',
    run: { exec: '#!/bin/sh\n' },
    link: { link: 'f' },
    'sub/Dockerfile': 'FROM busybox\nCOPY . /s/\n',
    'sub/inner/f': 'inner',
  })
  repository.git('tag', '-a', '-m', 't', 'v1')
  repository.git('checkout', '--quiet', '-b', 'next')
  const second = repository.commit({ f: 'two' })
  repository.git('checkout', '--quiet', 'main')
  const url = server.url('app')
  const cat = async (remote: string): Promise<string> =>
    outputOf(daemon, (await fromGit(remote)).id, 'cat /c/f')
  assert.equal(await cat(url), 'one')
  assert.equal(await cat(`${url}#next`), 'two')
  assert.equal(await cat(`${url}#refs/heads/next`), 'two')
  assert.equal(await cat(`${url}#v1`), 'one')
  assert.equal(await cat(`${url}#${second}`), 'two')
  assert.equal(await cat(`${url}?branch=next&checksum=${second.slice(0, 10)}`), 'two')
  assert.equal(await cat(`${url}?tag=v1&checksum=${first}`), 'one')

  const whole = await fromGit(url)
  assert.equal(
    await outputOf(daemon, whole.id, 'ls -A /c; stat -c "%a %u %Y" /c/f /c/run; readlink /c/link'),
    'Dockerfile\nf\nlink\nrun\nsub\n644 0 981173106\n755 0 981173106\nf\n',
  )
  const sub = await fromGit(`${url}#main:sub`)
  assert.equal(
    await outputOf(daemon, sub.id, 'find /s | sort'),
    '/s\n/s/Dockerfile\n/s/inner\n/s/inner/f\n',
  )
  const wrong = await build(daemon, Buffer.alloc(0), {
    remote: `${url}?checksum=${'0'.repeat(40)}`,
  })
  assert.match(wrong.error, /^expected checksum to match 0+, got [0-9a-f]{40}/)
  const none = await build(daemon, Buffer.alloc(0), { remote: `${url}#nope` })
  assert.match(none.error, /^repository does not contain ref nope, output: ""/)
})

test('the repository goes along where it is asked for', async () => {
  const commit = repository.commit({ Dockerfile: SHOW })
  const made = await fromGit(server.url('app'), {
    buildargs: JSON.stringify({ BUILDKIT_CONTEXT_KEEP_GIT_DIR: '1' }),
  })
  const script =
    'cat /c/.git/HEAD; grep url /c/.git/config; ls -d /c/.git/hooks 2>/dev/null || echo none; stat -c %a /c/.git/objects'
  assert.equal(
    await outputOf(daemon, made.id, script),
    `${commit}\n\turl = "${server.url('app')}"\nnone\n755\n`,
  )
})

test('SOURCE_DATE_EPOCH=context is the commit’s time', async () => {
  repository.commit({ Dockerfile: SHOW })
  const buildargs = JSON.stringify({ SOURCE_DATE_EPOCH: 'context' })
  const made = await fromGit(server.url('app'), { buildargs })
  assert.equal((await inspect(daemon, made.id)).Created, '2001-02-03T04:05:06Z')
})

test('submodules, also of submodules and by relative addresses', async () => {
  const leaf = server.repository('leaf').commit({ l: 'leaf' })
  const inner = server.repository('inner').commit({
    i: 'inner',
    '.gitmodules': '[submodule "leaf"]\n\tpath = deep/leaf\n\turl = ../leaf.git\n',
    'deep/leaf': { gitlink: leaf },
  })
  const outer = server.repository('outer')
  outer.commit({
    Dockerfile: SHOW,
    '.gitmodules': `[submodule "x"]\n\tpath = inner\n\turl = ${server.url('inner')}\n`,
    inner: { gitlink: inner },
  })
  const made = await fromGit(server.url('outer'))
  assert.equal(await outputOf(daemon, made.id, 'cat /c/inner/i /c/inner/deep/leaf/l'), 'innerleaf')
  const bare = await fromGit(`${server.url('outer')}?submodules=false`)
  assert.equal(await outputOf(daemon, bare.id, 'ls -A /c/inner'), '')
})

test('credentials of an address reach that server alone, and no message', async () => {
  repository.commit({ Dockerfile: SHOW })
  server.wants = `Basic ${Buffer.from('me:s3cret').toString('base64')}`
  try {
    const open = await build(daemon, Buffer.alloc(0), { remote: server.url('app') })
    assert.match(open.error, /^failed to fetch remote .*\n?/)
    const named = server.url('app').replace('//', '//me:s3cret@')
    await fromGit(named)
    server.wants = `Basic ${Buffer.from('other:one').toString('base64')}`
    const refused = await build(daemon, Buffer.alloc(0), { remote: named })
    assert.match(refused.error, /xxxxx:xxxxx@/)
    assert.doesNotMatch(refused.error + refused.text, /s3cret/)
  } finally {
    server.wants = undefined
  }
  await using other = await GitServer.start()
  other.repository('app').commit({ Dockerfile: SHOW, f: 'moved' })
  server.redirects.set('/moved.git', other.url('app'))
  const moved = await fromGit(`http://me:s3cret@127.0.0.1:${server.port}/moved.git`)
  assert.equal(await outputOf(daemon, moved.id, 'cat /c/f'), 'moved')
  assert.deepEqual(
    other.requests.filter(({ authorization }) => authorization !== undefined),
    [],
  )
})

test('objects named by SHA-256', async () => {
  server.repository('sha256', 'sha256').commit({ Dockerfile: SHOW, f: 'long' })
  const made = await fromGit(server.url('sha256'))
  assert.equal(await outputOf(daemon, made.id, 'cat /c/f'), 'long')
})

test('ADD of git: its files, by commit, and nothing fetched for what is cached', async () => {
  const added = server.repository('added')
  const first = added.commit({ f: 'one', 'sub/g': 'g', run: { exec: '' } })
  added.git('tag', 'v1')
  const url = server.url('added')
  const Dockerfile = [
    'FROM busybox',
    `ADD ${url} /all`,
    `ADD --keep-git-dir=true --checksum=${first} ${url}#v1 /kept`,
    `ADD --chown=1:2 ${url}?tag=v1&subdir=sub /sub/`,
  ].join('\n')
  const made = await built(daemon, { Dockerfile })
  assert.equal(
    await outputOf(
      daemon,
      made.id,
      'cd /; find all sub | sort; cat kept/.git/HEAD; stat -c "%a %u:%g %Y" all/f all/run sub/g',
    ),
    `all\nall/f\nall/run\nall/sub\nall/sub/g\nsub\nsub/g\n${first}\n` +
      '644 0:0 981173106\n755 0:0 981173106\n644 1:2 981173106\n',
  )
  const before = server.requests.filter(({ url: asked }) => asked.endsWith('upload-pack')).length
  const uploads = server.packs
  const again = await built(daemon, { Dockerfile })
  assert.equal(again.id, made.id)
  assert.equal(server.packs, uploads)
  assert.ok(server.requests.length > before, 'the server was asked')

  added.commit({ f: 'two' })
  const changed = await built(daemon, { Dockerfile })
  assert.equal(await outputOf(daemon, changed.id, 'cat /all/f /kept/f'), 'twoone')

  const wrong = async (line: string): Promise<string> =>
    (await build(daemon, { Dockerfile: `FROM busybox\n${line}\n` })).error
  assert.match(
    await wrong(`ADD --checksum=${'1'.repeat(40)} ${url}#v1 /x`),
    /^expected checksum to match 1+, got/,
  )
  assert.match(
    await wrong(`ADD --checksum=nothex ${url} /x`),
    /^invalid checksum nothex for Git URL/,
  )
  assert.match(await wrong(`COPY ${url} /x`), /^source can't be a git ref for COPY/)
  assert.match(
    await wrong(`ADD --keep-git-dir ${url}?keep-git-dir=0 /x`),
    /^inconsistent keep-git-dir/,
  )
  assert.match(await wrong(`ADD ${url}#-x /x`), /^invalid git ref "-x"/)
})

test('a token of the client opens a private repository, and no other server', async () => {
  const token = 'not-to-be-seen-7f3a'
  await using other = await GitServer.start()
  const foreign = other.repository('foreign').commit({ o: 'other' })
  server.repository('private').commit({
    Dockerfile: SHOW,
    f: 'private',
    '.gitmodules': `[submodule "o"]\n\tpath = o\n\turl = ${other.url('foreign')}\n`,
    o: { gitlink: foreign },
  })
  server.wants = `basic ${Buffer.from(`x-access-token:${token}`).toString('base64')}`
  process.env['TOKEN_OF_TEST'] = token
  try {
    const url = server.url('private')
    const secret = ['--secret', 'id=GIT_AUTH_TOKEN,env=TOKEN_OF_TEST']
    const made = await daemon.tdocker('build', ...secret, '-t', 'private', url)
    assert.equal(made.status, 0, made.stderr)
    assert.equal(await outputOf(daemon, 'private', 'cat /c/f /c/o/o'), 'privateother')
    const without = await daemon.tdocker('build', url)
    assert.notEqual(without.status, 0)
    assert.match(without.stderr, /failed to fetch remote/)
    assert.deepEqual(
      other.requests.filter(({ authorization }) => authorization !== undefined),
      [],
    )
    assert.ok(!daemon.log.includes(token))
  } finally {
    server.wants = undefined
    delete process.env['TOKEN_OF_TEST']
  }
})
