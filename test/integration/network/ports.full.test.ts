import './private-netns.ts'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { publishMany } from './many-ports.ts'

/** Must hold: 5,000 published ports in a range. */
test('five thousand ports of one container', async (t) => {
  const { eachMs, grownMiB, restartMs } = await publishMany(t, 5000)
  assert.ok(eachMs <= 1, `${eachMs} ms each`)
  assert.ok(grownMiB < 20, `${grownMiB} MiB`)
  assert.ok(restartMs < 2000, `restart in ${restartMs} ms`)
})
