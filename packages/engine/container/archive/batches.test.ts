import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Batches } from './batches.ts'

test('small pieces go on in large ones, in order', async () => {
  const sizes: number[] = []
  let sum = ''
  const batches = new Batches(async (chunk) => {
    sizes.push(chunk.length)
    sum += String(chunk[0])
  })
  for (let i = 0; i < 40; i++) await batches.write(Buffer.alloc(64 * 1024, i === 16 ? 1 : 0))
  await batches.end()
  assert.deepEqual(sizes, [1 << 20, 1 << 20, 512 * 1024])
  assert.equal(sum, '010')
})

test("the sink's failure comes out of a later call", async () => {
  const batches = new Batches(async () => {
    throw new Error('full')
  })
  await batches.write(Buffer.alloc(1 << 20))
  await assert.rejects(batches.end(), /full/)
})
