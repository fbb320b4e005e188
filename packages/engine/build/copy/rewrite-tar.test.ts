import assert from 'node:assert/strict'
import { test } from 'node:test'
import { extract, pack } from 'tar-stream'
import { parseMode } from './file-mode.ts'
import { EntryFilter } from './entry-filter.ts'
import { matchesName } from './pattern.ts'
import { TAR_END, ownEntry, rewriteTar } from './rewrite-tar.ts'
import { BadTar, NO_ENTRY, type TarEntry } from './tar-entry.ts'

async function* inPieces(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

async function tarOf(
  entries: Array<[Parameters<ReturnType<typeof pack>['entry']>[0], string]>,
): Promise<Buffer> {
  const tar = pack()
  for (const [header, content] of entries) tar.entry(header, content)
  tar.finalize()
  const parts: Buffer[] = []
  for await (const part of tar) parts.push(part as Buffer)
  return Buffer.concat(parts)
}

async function read(tar: Buffer): Promise<Array<Record<string, unknown>>> {
  const found: Array<Record<string, unknown>> = []
  const reader = extract()
  reader.end(tar)
  for await (const entry of reader) {
    const parts: Buffer[] = []
    for await (const part of entry) parts.push(part as Buffer)
    const { name, type, mode, uid, size, linkname } = entry.header
    found.push({ name, type, mode, uid, size, linkname, text: Buffer.concat(parts).toString() })
  }
  return found
}

test('entries are renamed, changed and left out, whatever the pieces they come in', async () => {
  const long = `${'d'.repeat(120)}/ü${'x'.repeat(120)}`
  const tar = await tarOf([
    [{ name: 'a', mode: 0o600, uid: 3000 }, 'content'],
    [{ name: long }, 'y'.repeat(3000)],
    [{ name: 'gone' }, 'z'.repeat(700)],
    [{ name: 'l', type: 'symlink', linkname: 'a' }, ''],
  ])
  for (const size of [1, 511, 512, 513, 100_000]) {
    const parts: Buffer[] = [ownEntry({ name: 'own/', type: '5', mode: 0o755 })]
    const edited = rewriteTar(inPieces(tar, size), (entry) =>
      entry.name === 'gone' ? undefined : { ...entry, name: `p/${entry.name}` },
    )
    for await (const part of edited) parts.push(part)
    const found = await read(Buffer.concat([...parts, TAR_END]))
    assert.deepEqual(
      found.map(({ name, text }) => [name, String(text).length]),
      [
        ['own/', 0],
        ['p/a', 7],
        [`p/${long}`, 3000],
        ['p/l', 0],
      ],
    )
    assert.equal(found[1]!['uid'], 3000)
    assert.equal(found[3]!['linkname'], 'a')
  }
})

test('damaged archives are told', async () => {
  const tar = await tarOf([[{ name: 'a' }, 'x'.repeat(2000)]])
  const drain = async (bytes: Buffer): Promise<void> => {
    for await (const _ of rewriteTar(inPieces(bytes, 700), (entry) => entry));
  }
  await assert.rejects(drain(tar.subarray(0, 1500)), BadTar)
  const broken = Buffer.from(tar)
  broken[3] = 0x41
  await assert.rejects(drain(broken), BadTar)
})

for (const [text, mode, isDirectory, expected] of [
  ['644', 0o777, false, 0o644],
  ['4755', 0o600, false, 0o4755],
  ['u=rwX,go=rX', 0o600, false, 0o644],
  ['u=rwX,go=rX', 0o600, true, 0o755],
  ['+x', 0o644, false, 0o755],
  ['go-rwx', 0o777, false, 0o700],
  ['a=r', 0o777, false, 0o444],
  ['g=u,o=g', 0o640, false, 0o666],
  ['u+s,g+s,+t', 0o755, false, 0o7755],
  ['go=', 0o755, true, 0o700],
  ['u=rwx,u-x+w', 0o000, false, 0o600],
] as const)
  test(`--chmod=${text} of ${mode.toString(8)}`, () =>
    assert.equal(parseMode(text)!.of(mode, isDirectory), expected))

test('what is no mode is refused', () => {
  for (const text of ['8', '99999', 'u', 'z=r', 'u=q', '-1'])
    assert.throws(() => parseMode(text), /invalid chmod parameter/, text)
})

test('wildcards', () => {
  assert.ok(matchesName('a*c', 'abbc') && matchesName('?[a-c]', 'xb') && matchesName('\\*', '*'))
  assert.ok(!matchesName('a*', 'b') && !matchesName('[^a]', 'a') && !matchesName('*', 'a/b'))
  assert.throws(() => matchesName('[a', 'a'), /syntax error in pattern/)
})

function passed(
  o: ConstructorParameters<typeof EntryFilter>[0],
  names: readonly string[],
): string[] {
  const filter = new EntryFilter(o)
  return names.flatMap((name) => {
    const type = name.endsWith('/') ? '5' : '0'
    return filter.pass({ ...ENTRY, name, type }).map((entry) => entry.name)
  })
}

const ENTRY: TarEntry = { ...NO_ENTRY, mode: 0o644 }

test('what is left out, and directories that wait for what is in them', () => {
  const names = ['./', 'a/', 'a/b/', 'a/b/x.log', 'a/y', 'c/', 'z.log']
  const none = { include: undefined, prefix: '' }
  assert.deepEqual(passed({ ...none, exclude: ['*.log'] }, names), names.slice(0, 6))
  assert.deepEqual(passed({ ...none, exclude: ['**/*.log', 'c'] }, names), [
    './',
    'a/',
    'a/b/',
    'a/y',
  ])
  assert.deepEqual(passed({ ...none, exclude: ['a', '!a/b/x.log'] }, names), [
    './',
    'a/',
    'a/b/',
    'a/b/x.log',
    'c/',
    'z.log',
  ])
  assert.deepEqual(passed({ include: '**/*.log', exclude: [], prefix: '' }, names), [
    './',
    'a/',
    'a/b/',
    'a/b/x.log',
    'z.log',
  ])
  assert.deepEqual(passed({ include: 'p/a/*', exclude: ['p/a/y'], prefix: 'p' }, names), [
    './',
    'a/',
    'a/b/',
    'a/b/x.log',
  ])
})

test('hard links to what is left out are told apart', () => {
  const filter = new EntryFilter({ include: undefined, exclude: ['first'], prefix: '' })
  assert.deepEqual(filter.pass({ ...ENTRY, name: 'first' }), [])
  const link = { ...ENTRY, name: 'second', type: '1', linkname: 'first' }
  assert.deepEqual(filter.pass(link), [])
  assert.deepEqual([...filter.orphans], [['first', [link]]])
})
