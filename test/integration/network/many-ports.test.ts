import './private-netns.ts'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { publishMany } from './many-ports.ts'

test('three hundred ports of one container', async (t) => {
  const { eachMs } = await publishMany(t, 300)
  assert.ok(eachMs < 5, `${eachMs} ms each`)
})
