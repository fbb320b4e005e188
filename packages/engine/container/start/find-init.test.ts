import assert from 'node:assert/strict'
import { test } from 'node:test'
import { findInit } from './find-init.ts'

test('the configured init, else the first that is there, else what to install', () => {
  assert.equal(
    findInit('/opt/init', () => false),
    '/opt/init',
  )
  assert.equal(
    findInit(undefined, (path) => path.startsWith('/usr/bin/')),
    '/usr/bin/docker-init',
  )
  assert.throws(() => findInit(undefined, () => false), /needs the package tini/)
})
