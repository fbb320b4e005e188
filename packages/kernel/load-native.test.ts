import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'

import { findBuilt, wrapNative } from './load-native.ts'
import { KernelError, type LayerExtractor, type Native } from './native.ts'

function rawError(path?: string): Error {
  return Object.assign(new Error('raw'), { code: 'ENOENT', errno: 2, syscall: 'openat2', path })
}

function wrap(raw: Partial<Native>): Native {
  return wrapNative(raw as Native)
}

test('a raw error of a synchronous function becomes a KernelError', () => {
  const native = wrap({
    openRoot: () => {
      throw rawError('/x')
    },
  })
  assert.throws(() => native.openRoot('/x'), {
    name: 'KernelError',
    code: 'ENOENT',
    errno: 2,
    syscall: 'openat2',
    path: '/x',
  })
})

test('a raw rejection becomes a KernelError', async () => {
  const native = wrap({ treeSize: () => Promise.reject(rawError()) })
  await assert.rejects(native.treeSize('/x'), (error) => {
    assert.ok(error instanceof KernelError)
    assert.equal(error.path, undefined)
    return true
  })
})

test('an error without a code passes as it is', async () => {
  const bug = new Error('bug')
  const native = wrap({ treeSize: () => Promise.reject(bug) })
  await assert.rejects(native.treeSize('/x'), (error) => error === bug)
})

test('a function the addon lacks answers ENOSYS', async () => {
  const native = wrap({})
  await assert.rejects(native.nft('list tables'), { code: 'ENOSYS', syscall: 'nft' })
  assert.throws(() => native.pipe(), { code: 'ENOSYS', syscall: 'pipe' })
})

test('wrong arguments never reach the addon', async () => {
  const native = wrap({})
  const fd = -1
  assert.throws(() => native.closeFd(fd), RangeError)
  assert.throws(() => native.closeFd('3' as unknown as number), TypeError)
  assert.throws(() => native.openRoot('relative'), RangeError)
  assert.throws(() => native.openRoot('/a\0b'), RangeError)
  assert.throws(() => native.pidfdSendSignal(3, 65), RangeError)
  assert.throws(() => native.pidfdOpen(0), RangeError)
  assert.throws(() => native.readFd(3, 0), RangeError)
  assert.throws(() => native.nsOpen(1, 'time' as 'net'), RangeError)
  await assert.rejects(native.removeTree('/'), RangeError)
  await assert.rejects(native.removeTree('//.'), RangeError)
  await assert.rejects(native.overlayOpen({ lowers: [] }), RangeError)
  await assert.rejects(native.overlayOpen({ lowers: ['/l'], upper: '/u' }), TypeError)
  await assert.rejects(native.readFileIn({ root: 3, path: '/x', max: 0.5 }), RangeError)
  await assert.rejects(native.mkdirIn({ root: 3, path: '/x', mode: 0o10000 }), RangeError)
  await assert.rejects(native.mkdirIn({ root: 3, path: '/x', mode: 0, uid: -1 }), RangeError)
  const long = { path: `/${'x'.repeat(107)}`, message: new Uint8Array() }
  await assert.rejects(native.shimRequest(long), RangeError)
  const launch = { path: '/shim', name: 'x', plan: new Uint8Array(), fds: Array(129).fill(0) }
  await assert.rejects(native.launchShim(launch), RangeError)
  await assert.rejects(native.netnsCreate({ sysctls: { '../x': '1' } }), RangeError)
  await assert.rejects(native.bridgeEnsure({ name: 'a/b', addresses: [] }), RangeError)
  await assert.rejects(native.bridgeEnsure({ name: 'x'.repeat(16), addresses: [] }), RangeError)
  await assert.rejects(native.treeSize(undefined as unknown as string), TypeError)
})

test('right arguments pass through with the answer', async () => {
  const seen: unknown[] = []
  const native = wrap({
    mkdirIn: (o) => {
      seen.push(o)
      return Promise.resolve()
    },
    pipe: () => [3, 4],
  })
  await native.mkdirIn({ root: 3, path: 'a/b', mode: 0o755, uid: 0, gid: 0xfffffffe })
  assert.deepEqual(seen, [{ root: 3, path: 'a/b', mode: 0o755, uid: 0, gid: 0xfffffffe }])
  assert.deepEqual(native.pipe(), [3, 4])
})

test('the extractor takes one chunk at a time', async () => {
  const gate = Promise.withResolvers<undefined>()
  const raw: LayerExtractor = {
    feed: () => gate.promise,
    end: () => Promise.reject(rawError()),
    abort() {},
  }
  const extractor = wrap({ layerExtractor: () => raw }).layerExtractor({ dir: '/x' })
  const first = extractor.feed(new Uint8Array(1))
  await assert.rejects(extractor.feed(new Uint8Array(1)), /still at work/)
  await assert.rejects(extractor.feed('x' as unknown as Uint8Array), TypeError)
  gate.resolve(undefined)
  await first
  await assert.rejects(extractor.end(), { name: 'KernelError', code: 'ENOENT' })
})

test('built files are found beside the bundle and in the checkout above it', () => {
  const dir = mkdtempSync(join(tmpdir(), 'load-native-'))
  try {
    const dist = join(dir, 'packages', 'daemon', 'dist')
    mkdirSync(dist, { recursive: true })
    mkdirSync(join(dir, 'build', 'Release'), { recursive: true })
    assert.throws(() => findBuilt('tool', dist), /tool has not been built/)
    writeFileSync(join(dir, 'build', 'Release', 'tool'), '')
    assert.equal(findBuilt('tool', dist), join(dir, 'build', 'Release', 'tool'))
    writeFileSync(join(dist, 'tool'), '')
    assert.equal(findBuilt('tool', dist), join(dist, 'tool'))
  } finally {
    rmSync(dir, { recursive: true })
  }
})
