import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { FakeDaemon } from '../../testing/fake-daemon.ts'
import type { Seen } from '../../testing/fake-daemon.ts'
import { runCli } from '../../testing/run-cli.ts'

const reports = ({ line }: Seen): { body: object } => {
  if (line.includes('/containers/'))
    return { body: { ContainersDeleted: ['c'], SpaceReclaimed: 1 } }
  if (line.includes('/networks/')) return { body: { NetworksDeleted: ['n'] } }
  if (line.includes('/volumes/')) return { body: { VolumesDeleted: ['v'], SpaceReclaimed: 2 } }
  if (line.includes('/images/')) {
    const ImagesDeleted = [{ Untagged: 'a:b' }, { Deleted: 'sha256:1' }]
    return { body: { ImagesDeleted, SpaceReclaimed: 4 } }
  }
  return { body: { CachesDeleted: ['k'], SpaceReclaimed: 8 } }
}

test('everything in its order, and the sum', async () => {
  await using daemon = await FakeDaemon.start(reports)
  const { stdout } = await runCli(['system', 'prune', '-a', '--volumes', '-f'], {
    host: daemon.host,
  })
  assert.equal(
    stdout,
    `Deleted Containers:
c

Deleted Networks:
n

Deleted Volumes:
v

Deleted Images:
untagged: a:b
deleted: sha256:1

Deleted build cache objects:
k

Total reclaimed space: 15B
`,
  )
  assert.deepEqual(daemon.lines.map(decodeURIComponent), [
    'POST /containers/prune',
    'POST /networks/prune',
    'POST /volumes/prune',
    'POST /images/prune?filters={"dangling":{"false":true}}',
    'POST /build/prune?all=1',
  ])
})

test('the question names what goes, with the filters of config.json', async () => {
  const config = mkdtempSync(join(tmpdir(), 'tdocker-config-'))
  writeFileSync(
    join(config, 'config.json'),
    JSON.stringify({ pruneFilters: ['label!=keep', 'label=gone', 'broken'] }),
  )
  try {
    await using daemon = await FakeDaemon.start(reports)
    const { stdout, code } = await runCli(
      ['system', 'prune', '--filter', 'label=keep', '--filter', 'until=24h'],
      { host: daemon.host, config, stdin: '\n' },
    )
    assert.equal(code, 0)
    assert.equal(
      stdout,
      `WARNING! This will remove:
  - all stopped containers
  - all networks not used by at least one container
  - all dangling images
  - unused build cache

  Items to be pruned will be filtered with:
  - label=gone
  - label=keep
  - until=24h

Are you sure you want to continue? [y/N] `,
    )
    assert.deepEqual(daemon.lines, [])
    const both = await runCli(['system', 'prune', '--volumes', '--filter', 'until=1h'], {
      host: daemon.host,
    })
    assert.equal(both.stderr, 'ERROR: The "until" filter is not supported with "--volumes"\n')
  } finally {
    rmSync(config, { recursive: true })
  }
})

test('--content frees compressed layers and nothing else', async () => {
  await using daemon = await FakeDaemon.start(() => ({
    body: { BlobsDeleted: ['sha256:1'], SpaceReclaimed: 8 },
  }))
  const { stdout } = await runCli(['system', 'prune', '--content', '-f'], { host: daemon.host })
  assert.equal(stdout, 'Deleted Blobs:\nsha256:1\n\nTotal reclaimed space: 8B\n')
  assert.deepEqual(daemon.lines, ['POST /content/prune'])
  const both = await runCli(['system', 'prune', '--content', '-a', '-f'], { host: daemon.host })
  assert.deepEqual([both.code, daemon.lines.length], [1, 1])
  assert.match(both.stderr, /--content stands alone/)
})
