import assert from 'node:assert/strict'
import { test } from 'node:test'
import { acceptedEncoding } from './accepted-encoding.ts'

test('the best offer by weight, the first of equals, none where the client says nothing', () => {
  const cases: ReadonlyArray<[string, 'gzip' | 'deflate' | undefined]> = [
    ['', undefined],
    ['gzip', 'gzip'],
    ['deflate, gzip', 'gzip'],
    ['gzip;q=0.5, deflate', 'deflate'],
    ['gzip;q=0', undefined],
    ['identity', undefined],
    ['gzip;q=0.1, identity;q=0.5', undefined],
    ['*', 'gzip'],
    ['br', undefined],
    ['GZIP ; Q=1', 'gzip'],
    ['gzip;q=x', undefined],
  ]
  for (const [header, expected] of cases)
    assert.equal(acceptedEncoding(header, ['gzip', 'deflate']), expected, header)
})
