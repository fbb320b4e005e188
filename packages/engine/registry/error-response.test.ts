import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseChallenges } from './challenge.ts'
import { errorOfResponse } from './error-response.ts'

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
    'manifest unknown',
  ],
  [404, '{"errors":[{"code":"manifest_unknown"}]}', 'manifest unknown'],
  [
    404,
    '{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown","detail":{"Tag":"1"}}]}',
    'manifest unknown: manifest unknown',
  ],
  [400, '{"errors":[{"code":"NEWEST","message":"what"}]}', 'unknown: what'],
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
