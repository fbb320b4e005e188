import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ContentPaths, chainKey, layerDirectory } from './content-paths.ts'

const DIGEST = `sha256:${'a'.repeat(64)}`

test('where things lie', () => {
  const paths = new ContentPaths('/data')
  assert.equal(paths.blob(DIGEST), `/data/content/blobs/sha256/${'a'.repeat(64)}`)
  assert.equal(paths.partial(DIGEST), `/data/content/partial/${'a'.repeat(64)}`)
  assert.equal(paths.diff(DIGEST), `/data/layers/sha256-${'a'.repeat(64)}/diff`)
  assert.equal(paths.diff(chainKey(DIGEST)), `/data/layers/chain-sha256-${'a'.repeat(64)}/diff`)
  assert.equal(paths.emptyDiff, '/data/layers/empty/diff')
})

test('nothing unchecked becomes a name', () => {
  const paths = new ContentPaths('/data')
  for (const text of [
    'sha256:../../etc',
    '../x',
    '',
    'sha256:',
    'a/b',
    'sha256:AB',
    '.',
    'unpacking-../x',
  ]) {
    assert.throws(() => paths.blob(text), /./, text)
    assert.throws(() => paths.partial(text), /./, text)
    assert.throws(() => layerDirectory(text), /./, text)
  }
})
