import assert from 'node:assert/strict'
import { test } from 'node:test'
import { accepts } from './negotiate.ts'

test('only what is named counts, by q and then by the order of the offers', () => {
  const offers = ['a/1', 'a/2']
  assert.equal(accepts(undefined, offers), undefined)
  assert.equal(accepts('*/*', offers), undefined)
  assert.equal(accepts('text/html, a/2', offers), 'a/2')
  assert.equal(accepts('a/2, a/1', offers), 'a/1')
  assert.equal(accepts('a/1;q=0.5, a/2;q=0.9', offers), 'a/2')
  assert.equal(accepts('a/1;q=0', offers), undefined)
})
