import { test } from 'node:test'
import { manyImages } from './scale.ts'

test('5,000 images of 20 layers: quick to list and to start, removed without a trace', async (t) => {
  const limits = { start: 1000, list: 200, prune: 120_000 }
  t.diagnostic(JSON.stringify(await manyImages(5000, limits)))
})
