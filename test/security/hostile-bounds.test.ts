/** Small archives that would take much: memory, time, disk. */
import assert from 'node:assert/strict'
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { scratchDir, sh } from '../integration/kernel/scratch.ts'
import { type TarEntry, makeTar, tarEntry } from '../integration/kernel/tar-maker.ts'
import { native } from './hostile-trees.ts'

const MIB = 1 << 20

/** Feeds what the generator yields; answers the error's code, and how much the process grew. */
async function flood(
  t: TestContext,
  parts: Iterable<Buffer>,
  o: { maxBytes?: number; maxEntries?: number } = {},
): Promise<{
  code: string | undefined
  path: string
  grown: number
  metadata: Buffer | undefined
}> {
  const dir = scratchDir(t, 'flood')
  const extractor = native.layerExtractor({ dir, ...o })
  const before = process.memoryUsage.rss()
  let code, metadata
  let path = ''
  try {
    for (const part of parts) await extractor.feed(part)
    metadata = (await extractor.end()).metadata
  } catch (error) {
    code = (error as { code?: string }).code
    path = (error as { path?: string }).path ?? ''
  }
  const grown = process.memoryUsage.rss() - before
  extractor.abort()
  await native.removeTree(dir)
  return { code, path, grown, metadata }
}

const times = function* (count: number, make: (at: number) => Buffer): Generator<Buffer> {
  for (let at = 0; at < count; at++) yield make(at)
}

test('directories that no entry made count, and so do their names', async (t) => {
  const deep = (at: number): Buffer =>
    tarEntry({ name: 'x', pax: { path: `${at}/${'d/'.repeat(1900)}f` } })
  const few = await flood(t, times(20, deep), { maxEntries: 10_000 })
  assert.equal(few.code, 'EFBIG')
  // 5,000 of them would be ten million directories and 18 GB of names.
  const many = await flood(t, times(5000, deep))
  assert.equal(many.code, 'EFBIG')
  assert.match(many.path, /^too many directories/)
  assert.ok(many.grown < 350 * MIB, `${many.grown / MIB} MiB`)
})

test('extended headers are not kept without end', async (t) => {
  const comment = tarEntry({ name: 'f', pax: { comment: 'c'.repeat(MIB - 100) } })
  const { code, metadata, grown } = await flood(t, [...times(400, () => comment), makeTar()])
  assert.equal(code, undefined)
  assert.equal(metadata?.[5], 1, 'incomplete')
  assert.ok(metadata.length < 100)
  assert.ok(grown < 250 * MIB, `${grown / MIB} MiB`)
})

test('what is no content ends as well', async (t) => {
  const zeros = Buffer.alloc(MIB)
  const { code } = await flood(t, [makeTar({ name: 'f' }), ...times(80, () => zeros)], {
    maxBytes: MIB,
  })
  assert.equal(code, 'EFBIG')
})

test('a file of holes is as large as it looks', async (t) => {
  const pax = {
    'GNU.sparse.major': '1',
    'GNU.sparse.minor': '0',
    'GNU.sparse.realsize': `${2 ** 40}`,
  }
  const sparse = tarEntry({ name: 'f', pax, content: Buffer.from('1\n0\n0\n'.padEnd(512, '\0')) })
  assert.equal((await flood(t, [sparse, makeTar()], { maxBytes: 1000 * MIB })).code, 'EFBIG')
})

/** A layer above another one. */
async function above(
  t: TestContext,
  entries: readonly TarEntry[],
): Promise<{ lower: string; dir: string; close(): Promise<void> }> {
  const base = scratchDir(t, 'stack')
  const [lower, dir] = [join(base, 'lower'), join(base, 'layer')]
  mkdirSync(lower)
  mkdirSync(dir)
  const extractor = native.layerExtractor({ dir })
  await extractor.feed(makeTar(...entries))
  const ends = await extractor.end()
  return { lower, dir, close: () => native.layerClose({ dir, lowers: [lower], ...ends }) }
}

const link = (name: string, target: string): TarEntry => ({ name, type: '1', link: target })

test('links that hang on each other are closed in one pass, in whatever order', async (t) => {
  const count = 20_000
  const name = (at: number): string => `l${String(at).padStart(6, '0')}`
  const chain = Array.from({ length: count }, (_, at) => link(name(at), name(at + 1)))
  const stack = await above(t, chain)
  sh(stack.lower, `echo content > ${name(count)}`)
  const started = performance.now()
  await stack.close()
  t.diagnostic(`${(performance.now() - started).toFixed(0)} ms`)
  assert.equal(statSync(join(stack.dir, name(0))).nlink, count)
  // Looked at as often as there are links left, they would take an hour.
  assert.ok(performance.now() - started < 60_000)
})

test('a file of the layers below is copied once, however many names it has', async (t) => {
  const names = Array.from({ length: 50 }, (_, at) => `n${at}`)
  const stack = await above(
    t,
    names.map((name) => link(`copy-${name}`, name)),
  )
  sh(stack.lower, `head -c 1000000 /dev/zero > n0; for i in {1..49}; do ln n0 n$i; done`)
  await stack.close()
  assert.equal(statSync(join(stack.dir, 'copy-n7')).nlink, 50)
})

test('what the layer deletes is not linked from below', async (t) => {
  const cases: TarEntry[][] = [
    [{ name: '.wh.secret' }, link('stolen', 'secret')],
    [link('stolen', 'secret'), { name: '.wh.secret' }],
    [{ name: '.wh.d' }, link('stolen', 'd/secret')],
    [{ name: 'd/.wh..wh..opq' }, link('stolen', 'd/secret')],
    [{ name: 'd', content: 'a file' }, link('stolen', 'd/secret')],
    [{ name: 'd', type: '2', link: 'e' }, link('stolen', 'd/secret')],
  ]
  for (const entries of cases) {
    const told = await above(t, entries).then(
      async (stack) => {
        sh(stack.lower, 'mkdir d; echo s > secret; echo s > d/secret')
        const failed = await stack.close().catch((error: { code: string }) => error.code)
        assert.ok(!existsSync(join(stack.dir, 'stolen')))
        return failed
      },
      (error: { code: string }) => error.code,
    )
    assert.match(String(told), /ENOENT|ENOTDIR/, JSON.stringify(entries))
  }
})

test('directory names that are no text find theirs below', async (t) => {
  const latin1 = Buffer.from([0xe9])
  const stack = await above(t, [{ name: 'cafe/f', patch: [[3, latin1]] }])
  const name = (dir: string): Buffer => Buffer.concat([Buffer.from(`${dir}/caf`), latin1])
  mkdirSync(name(stack.lower))
  chownSync(name(stack.lower), 12, 34)
  chmodSync(name(stack.lower), 0o2711)
  await stack.close()
  const { uid, gid, mode } = statSync(name(stack.dir))
  assert.deepEqual([uid, gid, mode & 0o7777], [12, 34, 0o2711])
  assert.equal(readFileSync(Buffer.concat([name(stack.dir), Buffer.from('/f')])).length, 0)
})

test('a chain of directories that no entry made is closed step by step', async (t) => {
  const name = `${'d/'.repeat(1900)}f`
  const stack = await above(t, [{ name: 'x', pax: { path: name } }])
  const lower = native.layerExtractor({ dir: stack.lower })
  await lower.feed(
    makeTar(
      { name: 'd', type: '5', uid: 3 },
      { name: 'x', pax: { path: `${'d/'.repeat(1000)}g` } },
    ),
  )
  await lower.end()
  const started = performance.now()
  await stack.close()
  t.diagnostic(`${(performance.now() - started).toFixed(0)} ms`)
  assert.equal(statSync(join(stack.dir, 'd')).uid, 3)
  // From the root for each of them it would be a billion steps.
  assert.ok(performance.now() - started < 10_000)
})
