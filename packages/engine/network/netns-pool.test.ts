import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { NetnsPool } from './netns-pool.ts'

class FakeNamespaces {
  readonly open = new Set<number>()
  made = 0
  broken = false

  async netnsCreate(): Promise<number> {
    if (this.broken) throw new Error('no more')
    this.open.add(++this.made)
    return this.made
  }

  closeFd(fd: number): void {
    this.open.delete(fd)
  }
}

test('none is made before the first is asked for; then two are ready', async () => {
  const kernel = new FakeNamespaces()
  const pool = new NetnsPool(kernel, {})
  assert.equal(kernel.made, 0)
  assert.equal(await pool.take(), 1)
  await turn()
  assert.equal(kernel.made, 3)
  assert.equal(await pool.take(), 2)
  await turn()
  assert.equal(kernel.made, 4)
})

test('a spare one that could not be made harms nobody', async () => {
  const kernel = new FakeNamespaces()
  const pool = new NetnsPool(kernel, {})
  await pool.take()
  kernel.broken = true
  await turn()
  await turn()
  await assert.rejects(pool.take(), /no more/)
  kernel.broken = false
  assert.equal(await pool.take(), 2)
})

test('close gives the spare ones back', async () => {
  const kernel = new FakeNamespaces()
  const pool = new NetnsPool(kernel, {})
  const taken = await pool.take()
  await turn()
  await pool.close()
  assert.deepEqual([...kernel.open], [taken])
  await turn()
  assert.equal(kernel.open.size, 1)
})
