import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { JoinWarmth } from './join-warmth.ts'

const dir = mkdtempSync(join(tmpdir(), 'warmth-'))
after(() => rmSync(dir, { recursive: true }))

test('writes the own pid for a while, then rests until asked again', async () => {
  const file = join(dir, 'cgroup.procs')
  writeFileSync(file, '')
  const count = (): number => readFileSync(file, 'utf8').length / String(process.pid).length
  const warmth = new JoinWarmth(file)
  warmth.keep()
  warmth.keep()
  let before = -1
  while (count() !== before || before === 0) {
    before = count()
    await delay(100)
  }
  assert.ok(before >= 2 && before <= 40, `${before} writes`)
  assert.match(readFileSync(file, 'utf8'), new RegExp(`^(${process.pid})+$`))
  warmth.keep()
  while (count() === before) await delay(5)
  warmth.close()
})

test('a group that cannot be written costs nothing but the gain', () => {
  new JoinWarmth(join(dir, 'missing/cgroup.procs')).keep()
})
