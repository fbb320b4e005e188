import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { compressRotated, swapNumbered } from './compressor.ts'
import { type LogFiles, segmentPath } from './log-files.ts'
import { LogReaders } from './log-readers.ts'
import { Segment } from './segments.ts'
import { CachedLogUsage } from './usage.ts'

const root = mkdtempSync(join(tmpdir(), 'compress-'))
after(() => rmSync(root, { recursive: true }))

function numbered(): { files: LogFiles; directory: string } {
  const directory = mkdtempSync(join(root, 'n-'))
  const files: LogFiles = { naming: 'numbered', path: join(directory, 'x-json.log') }
  for (const suffix of ['', '.1', '.2']) writeFileSync(`${files.path}${suffix}`, `of ${suffix}\n`)
  return { files, directory }
}

test('compresses all but the newest and removes what a crash left', async () => {
  const { files, directory } = numbered()
  writeFileSync(join(directory, '.compressed-old'), 'x')
  const job = { files, readers: new LogReaders(), swap: (o: never) => swapNumbered(files, o) }
  await compressRotated(job)
  assert.deepEqual(readdirSync(directory).sort(), [
    'x-json.log',
    'x-json.log.1.gz',
    'x-json.log.2.gz',
  ])
  assert.equal(gunzipSync(readFileSync(`${files.path}.2.gz`)).toString(), 'of .2\n')
})

test('leaves the file that a follower is at', async () => {
  const { files, directory } = numbered()
  const readers = new LogReaders()
  using reader = readers.enter(files)
  const at = await Segment.open({ path: `${files.path}.1`, compressed: false, start: 0 })
  reader.inode = at!.inode
  await compressRotated({ files, readers, swap: (o) => swapNumbered(files, o) })
  await at![Symbol.asyncDispose]()
  assert.deepEqual(readdirSync(directory).sort(), ['x-json.log', 'x-json.log.1', 'x-json.log.2.gz'])
})

test('what was rotated away meanwhile is no error and leaves nothing', async () => {
  const { files, directory } = numbered()
  const gone = (): Promise<never> =>
    Promise.reject(Object.assign(new Error('gone'), { code: 'ENOENT' }))
  await compressRotated({ files, readers: new LogReaders(), swap: gone })
  assert.equal(readdirSync(directory).length, 3)
})

test('segments that are still to be sent stay plain', async () => {
  const directory = mkdtempSync(join(root, 's-'))
  const files: LogFiles = { naming: 'segments', path: join(directory, 'container.log') }
  for (const start of [0, 10, 20]) writeFileSync(segmentPath(files, start), 'x'.repeat(10))
  const job = { files, readers: new LogReaders(), swap: () => Promise.resolve(), upTo: () => 15 }
  await compressRotated(job)
  assert.deepEqual(
    readdirSync(directory).map((name) => name.endsWith('.gz')),
    [true, false, false],
  )
  const usage = new CachedLogUsage(() => [{ id: 'c', files }])
  assert.equal(usage.sizeOf('c'), undefined)
  await usage.refresh()
  assert.ok(usage.sizeOf('c')! > 20)
  assert.deepEqual(
    usage.large(20).map(({ id }) => id),
    ['c'],
  )
  assert.deepEqual(usage.large(1000), [])
})
