import { test } from 'node:test'
import { manyImages } from './scale.ts'

test('200 images of 20 layers: listed, removed, and nothing is left', async (t) => {
  const limits = { start: 10_000, list: 1000, prune: 30_000 }
  t.diagnostic(JSON.stringify(await manyImages(200, limits)))
})
