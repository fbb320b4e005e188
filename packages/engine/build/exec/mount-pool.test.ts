import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MountPool } from './mount-pool.ts'

const { signal } = new AbortController()

test('shared mounts are one, private ones another, and the first is used again', async () => {
  const pool = new MountPool()
  using one = await pool.acquire('cache', 'shared', signal)
  using two = await pool.acquire('cache', 'shared', signal)
  assert.equal(one.key, 'cache')
  assert.equal(two.key, 'cache')
  const other = await pool.acquire('cache', 'private', signal)
  assert.notEqual(other.key, 'cache')
  using third = await pool.acquire('cache', 'private', signal)
  assert.notEqual(third.key, other.key)
  using elsewhere = await pool.acquire('another', 'private', signal)
  assert.equal(elsewhere.key, 'another')
  const { key } = other
  other[Symbol.dispose]()
  assert.equal(pool.isHeld(key), false)
  using again = await pool.acquire('cache', 'private', signal)
  assert.equal(again.key, key)
})

test('a shared one does not join who wants it alone', async () => {
  const pool = new MountPool()
  using alone = await pool.acquire('cache', 'locked', signal)
  using shared = await pool.acquire('cache', 'shared', signal)
  assert.equal(alone.key, 'cache')
  assert.notEqual(shared.key, 'cache')
})

test('a locked one is waited for, one after the other, and given up with its build', async () => {
  const pool = new MountPool()
  const first = await pool.acquire('cache', 'shared', signal)
  const order: string[] = []
  const second = pool.acquire('cache', 'locked', signal).then((held) => {
    order.push('second')
    return held
  })
  const third = pool.run('cache', async () => void order.push('third'))
  const cancel = new AbortController()
  const cancelled = pool.acquire('cache', 'locked', cancel.signal)
  cancel.abort(new Error('gone'))
  await assert.rejects(cancelled, /gone/)
  assert.deepEqual(order, [])
  first[Symbol.dispose]()
  first[Symbol.dispose]()
  const held = await second
  assert.deepEqual(order, ['second'])
  held[Symbol.dispose]()
  await third
  assert.deepEqual(order, ['second', 'third'])
  assert.equal(pool.isHeld('cache'), false)
})
