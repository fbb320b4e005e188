import assert from 'node:assert/strict'
import { test } from 'node:test'

import { FakeNative } from './fake-native.ts'

test('calls are recorded and descriptors counted', async () => {
  const fake = new FakeNative()
  const { native } = fake
  const root = native.openRoot('/x')
  const mount = await native.overlayOpen({ lowers: ['/l'] })
  assert.deepEqual([...fake.openFds], [root, mount])
  native.closeFd(root)
  native.closeFd(mount)
  assert.equal(fake.openFds.size, 0)
  assert.throws(() => native.closeFd(root), { code: 'EBADF' })
  assert.deepEqual(fake.callsOf('overlayOpen'), [[{ lowers: ['/l'] }]])
})

test('a failure hits the next call only', async () => {
  const fake = new FakeNative()
  fake.fail('overlayOpen', 'EINVAL', 22)
  await assert.rejects(fake.native.overlayOpen({ lowers: ['/l'] }), { code: 'EINVAL', errno: 22 })
  assert.equal(typeof (await fake.native.overlayOpen({ lowers: ['/l'] })), 'number')
})

test('a stub answers instead', async () => {
  const fake = new FakeNative()
  fake.stub('nft', (commands) => Promise.resolve(`ran ${commands}`))
  assert.equal(await fake.native.nft('flush'), 'ran flush')
})

test('a descriptor turns readable by data, by its end, or is cancelled', async () => {
  const fake = new FakeNative()
  const { native } = fake
  const [fd] = native.pipe()
  assert.equal(native.readFd(fd, 10), undefined)
  const wait = native.waitReadable(fd)
  fake.push(fd, 'hello')
  assert.equal(await wait.readable, true)
  assert.equal(String(native.readFd(fd, 2)), 'he')
  assert.equal(String(native.readFd(fd, 10)), 'llo')
  const cancelled = native.waitReadable(fd)
  cancelled.cancel()
  assert.equal(await cancelled.readable, false)
  fake.end(fd)
  assert.equal(await native.waitReadable(fd).readable, true)
  assert.equal(native.readFd(fd, 10)?.length, 0)
})
