import assert from 'node:assert/strict'
import { test } from 'node:test'
import { namedContexts } from './named-contexts.ts'

test('addresses go to the daemon, directories to the session', () => {
  const found = namedContexts([
    'a=docker-image://alpine@sha256:x',
    'b=https://h/r.git?ref=x=y',
    'c=git@h:r.git#main:sub',
    `d=${import.meta.dirname}`,
    `context=${import.meta.dirname}/.`,
  ])
  assert.deepEqual(found.values, {
    a: 'docker-image://alpine@sha256:x',
    b: 'https://h/r.git?ref=x=y',
    c: 'git@h:r.git#main:sub',
    d: 'client:d',
    context: 'client:_context',
  })
  assert.deepEqual(
    [...found.directories],
    [
      ['d', import.meta.dirname],
      ['_context', import.meta.dirname],
    ],
  )
})

test('what is no context', () => {
  assert.throws(() => namedContexts(['a']), /^Error: invalid context value: a, expected key=value$/)
  assert.throws(
    () => namedContexts(['a=/nowhere/at/all']),
    /^Error: failed to get build context a: stat \/nowhere\/at\/all: no such file or directory$/,
  )
  assert.throws(
    () => namedContexts([`a=${import.meta.filename}`]),
    /^Error: failed to get build context path \{.* <nil>\}: not a directory$/,
  )
})
