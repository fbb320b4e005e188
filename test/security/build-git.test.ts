/**
 * Repositories and addresses of git that mean harm (CVE-2019-13139 and its kin): nothing of theirs runs,
 * nothing of the machine comes into an image.
 */
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { GitServer, type GitFile, type GitRepository } from '../lib/git-server.ts'
import { TestDaemon } from '../lib/test-daemon.ts'
import { build, built, outputOf } from '../integration/build/build-rig.ts'

const DOCKERFILE = 'FROM busybox\nCOPY . /c/\n'
let daemon: TestDaemon
let server: GitServer
let outside: string
let count = 0
before(async () => {
  outside = mkdtempSync(join(tmpdir(), 'canary-'))
  writeFileSync(join(outside, 'canary'), 'canary')
  daemon = await TestDaemon.start({
    // What a user of the machine has set up for git, which is not for repositories of others.
    env: { HOME: outside, XDG_CONFIG_HOME: outside },
  })
  const filter = `[filter "evil"]\n\tsmudge = touch ${outside}/ran\n[core]\n\thooksPath = ${outside}/hooks\n`
  writeFileSync(join(outside, '.gitconfig'), filter)
  mkdirSync(join(outside, 'hooks'))
  for (const hook of ['post-checkout', 'reference-transaction', 'post-index-change'])
    writeFileSync(join(outside, 'hooks', hook), `#!/bin/sh\ntouch ${outside}/ran\n`, {
      mode: 0o755,
    })
  server = await GitServer.start()
})
after(async () => {
  await server[Symbol.asyncDispose]()
  await daemon[Symbol.asyncDispose]()
  rmSync(outside, { recursive: true, force: true })
})

function repository(files: Readonly<Record<string, GitFile>>): {
  url: string
  made: GitRepository
} {
  const name = `hostile${count++}`
  const made = server.repository(name)
  made.commit({ Dockerfile: DOCKERFILE, ...files })
  return { url: server.url(name), made }
}

const refused = async (remote: string, error: RegExp): Promise<void> => {
  const asContext = await build(daemon, Buffer.alloc(0), { remote })
  assert.match(asContext.error, error, `remote=${remote}`)
  const added = await build(daemon, { Dockerfile: `FROM busybox\nADD ${remote} /a/\n` })
  assert.match(added.error, error, `ADD ${remote}`)
  assert.ok(!existsSync(join(outside, 'ran')), remote)
}

test('what a program could take for an option is refused', async () => {
  const { url } = repository({})
  await refused(`${url}#--upload-pack=touch\${IFS}${outside}/ran`, /invalid git ref/)
  await refused(`${url}#-u:sub`, /invalid git ref/)
  await refused(`${url}?ref=--exec=x`, /invalid git ref/)
  await refused(`ssh://-oProxyCommand=touch@host/${outside}/ran.git`, /invalid git address/)
  await refused('ssh://-oProxyCommand=x/r.git', /invalid git address/)
  await refused('git@host:--upload-pack=x', /invalid git address/)
  await refused(`${url}?checksum=--x`, /invalid checksum --x/)
  const flag = await build(daemon, { Dockerfile: `FROM busybox\nADD --checksum=--x ${url} /a/\n` })
  assert.match(flag.error, /invalid checksum --x/)
})

test('transports that run programs or read this machine are none', async () => {
  for (const remote of [
    `ext::sh -c "touch ${outside}/ran"`,
    `file://${outside}/r.git`,
    `${outside}/r.git`,
  ]) {
    const made = await build(daemon, Buffer.alloc(0), { remote })
    assert.match(made.error, /could not be recognized as URL/, remote)
  }
  const local = server.repository('local')
  local.commit({ secret: 'of this machine' })
  const commit = local.git('rev-parse', 'HEAD')
  for (const [url, error] of [
    [`ext::sh -c touch% ${outside}/ran`, /transport 'ext' not allowed/],
    [`file://${local.path}`, /transport 'file' not allowed/],
    [local.path, /transport 'file' not allowed/],
    [`../../../../../../../../..${local.path}`, /not allowed|failed to fetch|cannot strip|invalid/],
    ['--upload-pack=x', /transport 'file' not allowed/],
    ['ssh://-oProxyCommand=x/r', /invalid git address/],
  ] as const) {
    const hostile = repository({
      '.gitmodules': `[submodule "x"]\n\tpath = x\n\turl = ${JSON.stringify(url)}\n\tupdate = !touch ${outside}/ran\n`,
      x: { gitlink: commit },
    })
    await refused(hostile.url, error)
  }
})

test('subdirectories that are links or lead out are refused', async () => {
  const { url } = repository({
    out: { link: outside },
    up: { link: '../../../../../../../../../../etc' },
    'real/Dockerfile': DOCKERFILE,
    link: { link: 'real' },
  })
  for (const subdir of [
    'out',
    'up',
    'link',
    'link/',
    'real/../out',
    '../../../../../../etc',
    'nope',
    'Dockerfile',
  ])
    await refused(
      `${url}#main:${subdir}`,
      /^invalid subdir .*: (not a directory|no such file or directory)$/,
    )
  const encoded = `${url}?subdir=${encodeURIComponent('../../../../etc')}`
  await refused(encoded, /^invalid subdir etc: etc: no such file or directory$/)
  const inside = await built(daemon, Buffer.alloc(0), { remote: `${url}#main:x/../real` })
  assert.equal(await outputOf(daemon, inside.id, 'ls /c'), 'Dockerfile\n')
})

test('attributes, filters and hooks of repository and machine do nothing', async () => {
  const { url } = repository({
    '.gitattributes': '* filter=evil diff=evil\nhidden export-ignore\nsubst export-subst\n',
    hidden: 'seen',
    subst: '$Format:%H$',
    '.lfsconfig': '[lfs]\n\turl = http://127.0.0.1:1/\n',
    '.githooks/post-checkout': { exec: `#!/bin/sh\ntouch ${outside}/ran\n` },
  })
  for (const keep of ['0', '1']) {
    const buildargs = JSON.stringify({ BUILDKIT_CONTEXT_KEEP_GIT_DIR: keep })
    const made = await built(daemon, Buffer.alloc(0), { remote: url, buildargs })
    assert.equal(await outputOf(daemon, made.id, 'cat /c/hidden /c/subst'), 'seen$Format:%H$')
    assert.ok(!existsSync(join(outside, 'ran')))
  }
})

test('links and submodules below links write and read nothing outside', async () => {
  const leaf = server.repository('leaf').commit({ canary: 'overwritten', Dockerfile: DOCKERFILE })
  const { url } = repository({
    link: { link: outside },
    'deep/er': { link: join('../../../../../../../../../../../', outside) },
    '.gitmodules': `[submodule "l"]\n\tpath = sub\n\turl = ${server.url('leaf')}\n`,
    sub: { gitlink: leaf },
  })
  const made = await built(daemon, Buffer.alloc(0), { remote: url })
  assert.equal(
    await outputOf(
      daemon,
      made.id,
      'cat /c/sub/canary; cat /c/link/canary 2>/dev/null || echo -n none',
    ),
    'overwrittennone',
  )
  const copied = await build(daemon, {
    Dockerfile: `FROM busybox\nADD ${url} /a/\nRUN ! cat /a/link/canary /a/deep/er/canary\n`,
  })
  assert.equal(copied.error, '')
})

test('a tree that git would not check out is refused', async () => {
  const { made, url } = repository({})
  const blob = made.git('hash-object', '-w', 'Dockerfile')
  // A tree object by hand: git itself refuses to make one of that name.
  const inner = rawTree(made, [['100644', 'config', blob]])
  const top = rawTree(made, [
    ['40000', '.git', inner],
    ['100644', 'Dockerfile', blob],
  ])
  const commit = made.git('commit-tree', '-m', 'x', top)
  made.git('update-ref', 'refs/heads/evil', commit)
  await refused(`${url}#evil`, /invalid path '\.git\/config'/)
})

test('a submodule does not lead to this machine from elsewhere', async (t) => {
  // The machine's own address stands for a server elsewhere: only loopback and links are refused.
  const address = server.publicUrl('front')
  if (address === undefined) return t.skip('no address but loopback')
  const leaf = server.repository('inner').commit({ f: 'internal' })
  server.repository('front').commit({
    Dockerfile: DOCKERFILE,
    '.gitmodules': `[submodule "i"]\n\tpath = i\n\turl = ${server.url('inner')}\n`,
    i: { gitlink: leaf },
  })
  await refused(address, /refusing to connect to 127\.0\.0\.1/)
})

function rawTree(
  made: GitRepository,
  entries: ReadonlyArray<[mode: string, name: string, object: string]>,
): string {
  const parts = entries.flatMap(([mode, name, object]) => [
    Buffer.from(`${mode} ${name}\0`),
    Buffer.from(object, 'hex'),
  ])
  const path = join(made.path, '.git', 'raw')
  writeFileSync(path, Buffer.concat(parts))
  return made.git('hash-object', '-t', 'tree', '-w', '--literally', path)
}
