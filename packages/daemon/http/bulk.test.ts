import assert from 'node:assert/strict'
import type { IncomingMessage } from 'node:http'
import { test } from 'node:test'
import { isBulk } from './bulk.ts'

function asks(url: string, headers: Record<string, string> = {}, method = 'GET'): boolean {
  return isBulk({ method, url, headers, httpVersion: '1.1', socket: {} } as IncomingMessage)
}

test('all of a log that has an end goes past Node', () => {
  for (const url of [
    '/containers/x/logs?stdout=1',
    '/v1.41/containers/x/logs?stdout=1&stderr=1&tail=all',
    '/containers/x/logs?tail=all&stdout=1&since=1&timestamps=1',
  ])
    assert.equal(asks(url), true, url)
})

test('followed, short, detailed and JSON logs do not', () => {
  for (const url of [
    '/containers/x/logs',
    '/containers/x/logs?stdout=1&follow=1',
    '/containers/x/logs?follow=0&stdout=1',
    '/containers/x/logs?stdout=1&tail=100',
    '/containers/x/logs?tail=allx',
    '/containers/x/logs?details=1',
    '/containers/x/logs?stdout=1&format=json',
    '/containers/x/y/logs?stdout=1',
    '/services/x/logs?stdout=1',
  ])
    assert.equal(asks(url), false, url)
  const url = '/containers/x/logs?stdout=1'
  assert.equal(asks(url, { accept: 'application/json-seq' }), false)
  assert.equal(asks(url, { upgrade: 'tcp' }), false)
  assert.equal(asks(url, {}, 'HEAD'), false)
})
