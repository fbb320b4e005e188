/** Copies of a context whose files are known by their digests are those of an unpacked one. */
import assert from 'node:assert/strict'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { after, before, test } from 'node:test'
import { type Entry, tarOf } from '../../lib/image-maker.ts'
import { TestDaemon } from '../../lib/test-daemon.ts'
import { build, built, cachedSteps, outputOf } from './build-rig.ts'

let daemon: TestDaemon
before(async () => (daemon = await TestDaemon.start()))
after(() => daemon[Symbol.asyncDispose]())

const file = (name: string, content: string, more: Partial<Entry> = {}): Entry => ({
  name,
  type: 'file',
  content,
  mode: 0o644,
  ...more,
})

const ENTRIES: readonly Entry[] = [
  file('src/z', 'last'),
  file('src/run.sh', '#!/bin/sh\n', { mode: 0o4755, uid: 12, gid: 34 }),
  file('src/deep/er/implied', 'implied'),
  file('src/ümlaut', 'ü'),
  file(`src/${'long'.repeat(40)}/${'name'.repeat(40)}`, 'long'),
  file('src/large', 'large '.repeat(500_000)),
  file('src/empty', ''),
  { name: 'src/closed/', type: 'directory', mode: 0o700 },
  file('src/closed/in', 'closed'),
  { name: 'src/link', type: 'symlink', linkname: 'large' },
  { name: 'src/nowhere', type: 'symlink', linkname: '/nowhere/at/all' },
  file('src/a.log', 'log'),
]

/** Together they are no plain tree: the context is unpacked. */
const UNPACKED: readonly Entry[] = [
  file('odd', 'odd'),
  { name: 'hard', type: 'link', linkname: 'odd' },
]

const DESCRIBE =
  'cd /to && find . -type f -exec sha256sum {} + | sort -k2; find . | sort | while read -r n; do stat -c "%n %a %u %g %F" "$n"; readlink "$n"; done'

const COPIES = [
  'COPY src /to',
  'COPY src/closed /to',
  'COPY src/z src/run.sh src/link /to/',
  'COPY src/*.log src/e* /to/',
  'COPY --parents src/deep/er src/z /to/',
  'COPY --exclude=*.log --exclude=large src /to',
  'COPY --chown=1:2 --chmod=600 src/z /to/named',
  'COPY src /to/src',
  'ADD src /to',
  'ADD src/z /to/',
  'RUN --mount=type=bind,source=src,target=/from mkdir /to && cp -r /from/deep /to',
]

for (const copy of COPIES)
  test(`${copy}: the same files and the same digest, unpacked or not`, async () => {
    const dockerfile = file('Dockerfile', `FROM busybox\n${copy}\n`)
    const plain = await tarOf([dockerfile, ...ENTRIES])
    const odd = await tarOf([dockerfile, ...ENTRIES, ...UNPACKED])
    const first = await built(daemon, plain)
    const again = await built(daemon, odd)
    assert.equal(cachedSteps(again), 1, again.text)
    const anew = await built(daemon, odd, { nocache: '1' })
    const files = await outputOf(daemon, first.id, DESCRIBE)
    assert.match(files, /\S/)
    assert.equal(files, await outputOf(daemon, anew.id, DESCRIBE))
  })

test('all of a context is copied with COPY .', async () => {
  const made = await built(
    daemon,
    await tarOf([file('Dockerfile', 'FROM busybox\nCOPY . /to\n'), ...ENTRIES]),
  )
  const files = await outputOf(
    daemon,
    made.id,
    'cd /to; ls; wc -c < src/link; stat -c %a src/run.sh',
  )
  assert.equal(files, 'Dockerfile\nsrc\n3000000\n4755\n')
})

test('links on the way to what is copied are followed as ever', async () => {
  const entries = [
    file('Dockerfile', 'FROM busybox\nCOPY way/there /a\nCOPY linked /b\n'),
    file('real/there', 'there'),
    { name: 'way', type: 'symlink', linkname: 'real' } as Entry,
    { name: 'linked', type: 'symlink', linkname: 'real/there' } as Entry,
  ]
  const made = await built(daemon, await tarOf(entries))
  assert.equal(await outputOf(daemon, made.id, 'cat /a /b'), 'therethere')
})

test('what is missing, and what leads out, is told as ever', async () => {
  const missing = await build(
    daemon,
    await tarOf([file('Dockerfile', 'FROM busybox\nCOPY none /a\n')]),
  )
  assert.equal(
    missing.error,
    'COPY failed: file not found in build context or excluded by .dockerignore: stat none: file does not exist',
  )
  const out = await built(
    daemon,
    await tarOf([file('Dockerfile', 'FROM busybox\nCOPY ../../x /a\n'), file('x', 'own')]),
  )
  assert.equal(await outputOf(daemon, out.id, 'cat /a'), 'own')
})

test('an archive that is added is looked into', async () => {
  const inner = await tarOf([file('inner', 'from inside')])
  const entries = [file('Dockerfile', 'FROM busybox\nADD a.tar /to/\n'), file('a.tar', '', {})]
  entries[1]!.content = inner
  const made = await built(daemon, await tarOf(entries))
  assert.equal(await outputOf(daemon, made.id, 'cat /to/inner'), 'from inside')
  entries[1]!.content = gzipSync(inner)
  const compressed = await built(daemon, await tarOf(entries))
  assert.equal(await outputOf(daemon, compressed.id, 'cat /to/inner'), 'from inside')
})

test('nothing of a context stays', async () => {
  const large = file('large', 'x'.repeat(3_000_000))
  const made = await built(
    daemon,
    await tarOf([file('Dockerfile', 'FROM busybox\nCOPY large /\n'), large]),
  )
  assert.equal(await outputOf(daemon, made.id, 'wc -c < /large'), '3000000\n')
  const left = (directory: string): string[] =>
    readdirSync(directory, { recursive: true, encoding: 'utf8' }).filter((name) =>
      name.endsWith('context.tar'),
    )
  assert.ok(existsSync(join(daemon.dataRoot, 'layers')))
  assert.deepEqual(left(daemon.dataRoot), [])
})
