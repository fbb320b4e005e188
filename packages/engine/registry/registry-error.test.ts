import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseReference } from '@tdocker/oci'
import {
  AuthorizationError,
  NetworkError,
  RegistryError,
  UnexpectedResponse,
  isTransient,
  parseRetryAfter,
  pullError,
  retryDelay,
} from './registry-error.ts'

test('what may be tried again', () => {
  assert.ok(isTransient(new UnexpectedResponse('busy', 503)))
  assert.ok(isTransient(new NetworkError('x', { permanent: false })))
  assert.ok(!isTransient(new NetworkError('x', { permanent: true })))
  assert.ok(!isTransient(new RegistryError('NAME_UNKNOWN', 'no', 404)))
  assert.ok(!isTransient(new Error('ENOSPC')))
})

test('errors of a pull, as moby words them', () => {
  const reference = parseReference('user/app:1')
  const cases: Array<[Error, string, string]> = [
    [
      new RegistryError('DENIED', 'd', 403),
      'notFound',
      `pull access denied for user/app, repository does not exist or may require 'docker login': denied: d`,
    ],
    [
      new RegistryError('MANIFEST_UNKNOWN', 'm', 404),
      'notFound',
      'manifest for user/app:1 not found: manifest unknown: m',
    ],
    [
      new RegistryError('NAME_UNKNOWN', 'n', 404),
      'notFound',
      'repository user/app not found: name unknown: n',
    ],
    [new RegistryError('UNAUTHORIZED', 'u', 401), 'unauthorized', 'unauthorized: u'],
    [new RegistryError('TOOMANYREQUESTS', 't', 429), 'tooManyRequests', 'toomanyrequests: t'],
    [new RegistryError('UNSUPPORTED', 'u', 405), 'notAllowed', 'unsupported: u'],
    [new RegistryError('TAG_INVALID', 't', 400), 'invalidParameter', 'tag invalid: t'],
    // What is no more than its code gets no sentence.
    [new RegistryError('MANIFEST_UNKNOWN', undefined, 404), 'notFound', 'manifest unknown'],
    [new RegistryError('DENIED', undefined, 403), 'forbidden', 'denied'],
    [
      new AuthorizationError('HEAD', 'https://r/v2/', new RegistryError('UNAUTHORIZED', 'u', 401)),
      'unauthorized',
      'Head "https://r/v2/": unauthorized: u',
    ],
    [new UnexpectedResponse('w', 500), 'system', 'w'],
  ]
  for (const [error, kind, message] of cases) {
    const told = pullError(error, reference)
    assert.ok(told instanceof Error)
    assert.deepEqual([(told as unknown as { kind: string }).kind, told.message], [kind, message])
  }
  const other = new Error('other')
  assert.equal(pullError(other, reference), other)
})

test('several entries are one text, as moby prints a list', () => {
  const error = new RegistryError('DENIED', 'no', 403)
  assert.equal(error.whole, 'denied: no')
  error.others = ['unauthorized', 'unknown: x']
  assert.equal(error.whole, 'errors:\ndenied: no\nunauthorized\nunknown: x\n')
})

test('Retry-After is seconds or a date', () => {
  const now = Date.parse('Wed, 21 Oct 2026 07:28:00 GMT')
  assert.equal(parseRetryAfter('3'), 3000)
  assert.equal(parseRetryAfter('Wed, 21 Oct 2026 07:28:30 GMT', now), 30_000)
  assert.equal(parseRetryAfter('Wed, 21 Oct 2026 07:00:00 GMT', now), 0)
  for (const text of ['', 'soon', '-1', '1.5']) assert.equal(parseRetryAfter(text), undefined, text)
})

test('what is worth another try, and when', () => {
  const busy = new UnexpectedResponse('busy', 503)
  assert.equal(isTransient(busy), true)
  assert.equal(retryDelay(busy, 3, 100), 400)
  busy.retryAfterMs = 2000
  assert.equal(retryDelay(busy, 1, 100), 2000)
  busy.retryAfterMs = 3_600_000
  assert.equal(isTransient(busy), false)
  const limited = new RegistryError('TOOMANYREQUESTS', 'too many', 429)
  assert.equal(isTransient(limited), false)
  limited.retryAfterMs = 1000
  assert.equal(isTransient(limited), true)
  assert.equal(isTransient(new RegistryError('DENIED', 'no', 403)), false)
})
