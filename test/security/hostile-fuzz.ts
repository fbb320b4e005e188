/** Mutations of the corpus through everything native that reads archives or what is made of them. */
import assert from 'node:assert/strict'
import { corpus } from './corpus/corpus.ts'
import { seedOf } from './corpus/packed.ts'
import { Arena, native } from './hostile-trees.ts'
import { Seeded, mutate, randomEntries } from './random-tar.ts'
import { makeTar } from '../integration/kernel/tar-maker.ts'

/** Longer ones are the same again, and slow. */
const MAX_SEED = 64 * 1024

export interface FuzzResult {
  taken: number
  refused: number
  rebuilt: number
}

/** Throws what escapes, with the number of the round: the same comes again. */
export async function fuzz(rounds: number, name = 'hostile'): Promise<FuzzResult> {
  using arena = new Arena()
  const at = { outside: arena.canary.dir, pid: process.pid }
  const seeds = corpus.map(({ build }) => build(at)).filter(({ length }) => length <= MAX_SEED)
  const random = new Seeded(seedOf(name))
  const result = { taken: 0, refused: 0, rebuilt: 0 }
  for (let round = 0; round < rounds; round++) {
    const seed = random.below(5) === 0 ? makeTar(...randomEntries(random)) : random.pick(seeds)
    const what = `round ${round} of ${name}`
    try {
      await one(arena, mutate(seed, random), { random, what, result })
    } catch (error) {
      throw new Error(`${what}: ${String(error)}`, { cause: error })
    }
  }
  return result
}

async function one(
  arena: Arena,
  archive: Buffer,
  o: { random: Seeded; what: string; result: FuzzResult },
): Promise<void> {
  const { random, what, result } = o
  const tried = await arena.extract(archive, 1 + random.below(archive.length + 1))
  if (tried.error) {
    result.refused++
    assert.ok(tried.error instanceof Error && !(tried.error instanceof TypeError), what)
  } else result.taken++
  if (tried.extracted) {
    const rebuilt = await arena.rebuild(tried.extracted)
    const inflated = isPlain(archive)
    if (rebuilt && inflated) {
      result.rebuilt++
      assert.ok(rebuilt.equals(archive), `${what} is rebuilt as something else`)
    }
    await damaged(arena, mutate(tried.extracted.metadata, random))
  }
  await arena.clear(what)
  await arena.unpack(archive)
  await arena.clear(what)
}

/** Metadata of a damaged disk: an error, or some bytes; not more of them than it could speak of. */
async function damaged(arena: Arena, metadata: Buffer): Promise<void> {
  let rebuilder
  try {
    rebuilder = native.layerRebuilder({ dir: arena.dir, metadata })
  } catch {
    return
  }
  try {
    for (let parts = 0; parts < 8; parts++) if (!(await rebuilder.read())) return
  } catch (error) {
    assert.ok(error instanceof Error && 'code' in error, String(error))
  } finally {
    rebuilder.close()
  }
}

function isPlain(archive: Buffer): boolean {
  const head = archive.toString('hex', 0, 4)
  return !/^(1f8b08|28b52ffd|fd377a58|425a68|5.2a4d18)/.test(head)
}
