/** Every hostile archive through the extractor, the rebuilder and the unpacker of live trees. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { corpus } from './corpus/corpus.ts'
import { Arena, type Tried } from './hostile-trees.ts'

let arena: Arena
before(() => (arena = new Arena()))
after(() => arena[Symbol.dispose]())

/** Links into layers below have none here. */
function verdictOf({ error, extracted }: Tried): string {
  return error || (extracted && extracted.openLinks.length > 0) ? 'refused' : 'taken'
}

test(`${corpus.length} archives: what they do stays in their directory`, async (t) => {
  assert.ok(corpus.length >= 200)
  const wrong: string[] = []
  let taken = 0
  for (const { name, build, layer, live } of corpus) {
    const archive = build({ outside: arena.canary.dir, pid: process.pid })
    const asLayer = await arena.extract(archive)
    if (verdictOf(asLayer) !== layer) wrong.push(`${name} as a layer: ${asLayer.error}`)
    if (layer === 'taken') taken++
    if (asLayer.error) assertSaid(name, asLayer.error)
    if (asLayer.extracted && !isCompressed(archive)) {
      const rebuilt = await arena.rebuild(asLayer.extracted)
      if (rebuilt && !rebuilt.equals(archive)) wrong.push(`${name} is rebuilt as something else`)
    }
    await arena.clear(name)
    const asTree = await arena.unpack(archive)
    if (verdictOf(asTree) !== live) wrong.push(`${name} into a tree: ${asTree.error}`)
    if (asTree.error) assertSaid(name, asTree.error)
    await arena.clear(name)
  }
  t.diagnostic(`${taken} taken as layers, ${corpus.length - taken} refused`)
  assert.deepEqual(wrong, [])
})

/** A refusal has a reason that is meant: of the kernel, of zlib, or ours. */
function assertSaid(name: string, error: Error & { code?: string }): void {
  const meant = error.code !== undefined || /unexpected EOF|zstd: magic/.test(error.message)
  assert.ok(meant, `${name}: ${String(error)}`)
}

function isCompressed(archive: Buffer): boolean {
  const magics = [0x1f8b0800, 0x28b52ffd, 0xfd377a58, 0x425a6800]
  return archive.length >= 4 && magics.some((magic) => matches(archive.readUInt32BE(0), magic))
}

function matches(head: number, magic: number): boolean {
  const mask = (magic & 0xff) === 0 ? 0xffffff00 : 0xffffffff
  return (head & mask) >>> 0 === (magic & mask) >>> 0
}

test('in pieces of any size they are the same', async () => {
  const names = ['pax-twice', 'sparse-1.0-long-map', 'path-4000', 'zstd-skippable-between']
  for (const { name, build } of corpus.filter((each) => names.includes(each.name))) {
    const archive = build({ outside: arena.canary.dir, pid: process.pid })
    const whole = await arena.extract(archive)
    await arena.clear(name)
    const pieces = await arena.extract(archive, archive.length > 100_000 ? 5003 : 7)
    assert.ok(whole.extracted && pieces.extracted, name)
    assert.equal(pieces.extracted.entries, whole.extracted.entries)
    const rebuilt = await arena.rebuild(pieces.extracted)
    if (!isCompressed(archive)) assert.ok(rebuilt?.equals(archive), name)
    await arena.clear(name)
  }
})
