import { test } from 'node:test'
import { pullLarge } from './memory.ts'

test('four layers of 150 MB take no memory of their size', async () => {
  await pullLarge({ count: 4, megabytes: 150, limit: 140 })
})
