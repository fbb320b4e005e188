import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseReference } from '@tdocker/oci'
import { parseChallenges } from './challenge.ts'
import {
  NetworkError,
  RegistryError,
  UnexpectedResponse,
  errorOfResponse,
  isTransient,
  parseRetryAfter,
  pullError,
  retryDelay,
} from './registry-error.ts'

function answer(
  status: number,
  body: string,
  o: { type?: string; challenge?: string } = {},
): Error {
  return errorOfResponse({
    status,
    statusText: 'Status Text',
    contentType: o.type ?? 'application/json; charset=utf-8',
    body,
    challenges: parseChallenges(o.challenge),
  })
}

const sentences: Array<[status: number, body: string, message: string, o?: object]> = [
  [
    404,
    '{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}',
    'manifest unknown: manifest unknown',
  ],
  [404, '{"errors":[{"code":"manifest_unknown"}]}', 'manifest unknown: manifest unknown'],
  [403, '{"errors":[{"code":"DENIED","message":"no"},{"code":"X"}]}', 'denied: no'],
  [429, 'slow down', 'toomanyrequests: slow down', { type: 'text/plain' }],
  [403, 'go away', 'denied: go away', { type: 'text/html' }],
  [401, '', 'unauthorized: ', { type: '' }],
  [401, '<html>', 'unauthorized: authentication required'],
  [401, '{}', 'unauthorized: authentication required'],
  [400, '{"details":"incorrect username or password"}', 'unknown: incorrect username or password'],
  [
    404,
    '<html>',
    `error parsing HTTP 404 response body: invalid character '<' looking for beginning of value: "<html>"`,
  ],
  [
    404,
    '{}',
    'error parsing HTTP 404 response body: no error details found in HTTP response body: "{}"',
  ],
  [502, 'whatever', 'received unexpected HTTP status: 502 Status Text'],
  [
    401,
    '{}',
    'denied: requested access to the resource is denied',
    { challenge: 'Bearer realm="x",error="insufficient_scope"' },
  ],
  [
    401,
    '{}',
    'unauthorized: expired',
    { challenge: 'Bearer error="invalid_token",error_description="expired"' },
  ],
]

for (const [status, body, message, o] of sentences) {
  test(`${status} ${body.slice(0, 50)}`, () =>
    assert.equal(answer(status, body, o).message, message))
}

test('a page of HTML does not come whole', () => {
  assert.ok(answer(404, '<'.repeat(100_000)).message.length < 2000)
})

test('what may be tried again', () => {
  assert.ok(isTransient(answer(503, '')))
  assert.ok(isTransient(new NetworkError('x', { permanent: false })))
  assert.ok(!isTransient(new NetworkError('x', { permanent: true })))
  assert.ok(!isTransient(answer(404, '{}')))
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
    [new RegistryError('TOOMANYREQUESTS', 't', 429), 'system', 'toomanyrequests: t'],
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
