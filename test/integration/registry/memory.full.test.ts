import { test } from 'node:test'
import { pullLarge } from './memory.ts'

test('ten layers of 1 GB take no more than four of 150 MB', async () => {
  await pullLarge({ count: 10, megabytes: 1024, limit: 140 })
})
