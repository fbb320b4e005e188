import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseTarget } from './path.ts'

test('a version in front is taken off', () => {
  assert.deepEqual(parseTarget('/v1.43/info', 'GET'), { version: '1.43', url: '/info' })
  assert.deepEqual(parseTarget('/info', 'GET'), { version: undefined, url: '/info' })
  assert.deepEqual(parseTarget('/v1.43', 'GET'), { version: undefined, url: '/v1.43' })
  assert.deepEqual(parseTarget('/version', 'GET'), { version: undefined, url: '/version' })
  assert.deepEqual(parseTarget('/v1.2.3/x?y=/v1', 'GET'), { version: '1.2.3', url: '/x?y=/v1' })
})

test('slashes in image names are encoded', () => {
  const cases: Array<[string, string, string]> = [
    ['GET', '/images/a/b:c/json', '/images/a%2Fb:c/json'],
    [
      'GET',
      '/images/localhost:5000/a/b@sha256:1/history?x=/',
      '/images/localhost:5000%2Fa%2Fb@sha256:1/history?x=/',
    ],
    ['POST', '/images/a/b/tag?repo=x/y', '/images/a%2Fb/tag?repo=x/y'],
    ['POST', '/images/a/push/push', '/images/a%2Fpush/push'],
    ['DELETE', '/images/docker.io/library/busybox', '/images/docker.io%2Flibrary%2Fbusybox'],
    ['GET', '/distribution/a/b/json', '/distribution/a%2Fb/json'],
    ['GET', '/images/busybox/json', '/images/busybox/json'],
    ['GET', '/images/json', '/images/json'],
    ['POST', '/images/create?fromImage=a/b', '/images/create?fromImage=a/b'],
    ['GET', '/images/a%2Fb/json', '/images/a%2Fb/json'],
    ['GET', '/containers/a/b/json?size=1', '/containers/a%2Fb/json?size=1'],
    ['GET', '/containers/a/b/attach/ws', '/containers/a%2Fb/attach/ws'],
    ['DELETE', '/containers/a/b', '/containers/a%2Fb'],
    ['GET', '/containers/json', '/containers/json'],
    ['GET', '/volumes/a/b', '/volumes/a/b'],
  ]
  for (const [method, from, to] of cases) assert.equal(parseTarget(from, method).url, to)
})
