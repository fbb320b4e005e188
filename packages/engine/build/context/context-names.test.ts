import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ContextNames, parseContextSpec } from './context-names.ts'

test('names are those of images, with their defaults', () => {
  const names = new ContextNames({
    alpine: 'docker-image://a',
    'docker.io/library/busybox:latest': 'docker-image://b',
    'app::linux/arm64': 'docker-image://arm',
    app: 'docker-image://any',
  })
  for (const name of ['alpine', 'alpine:latest', 'docker.io/library/alpine', 'library/alpine'])
    assert.equal(names.find(name), 'docker-image://a', name)
  assert.equal(names.find('busybox'), 'docker-image://b')
  assert.equal(names.find('alpine:3'), undefined)
  assert.equal(names.find('UPPER'), undefined)
  assert.equal(names.find('app', { os: 'linux', architecture: 'arm64' }), 'docker-image://arm')
  assert.equal(names.find('app', { os: 'linux', architecture: 'amd64' }), 'docker-image://any')
})

test('scratch and the context itself are not replaced', () => {
  const names = new ContextNames({ scratch: 'docker-image://a', context: 'docker-image://a' })
  assert.equal(names.find('scratch'), undefined)
  assert.equal(names.find('Context'), undefined)
  assert.throws(() => new ContextNames({ 'NO!': 'x' }), /^EngineError: invalid context name NO!: /)
})

test('values', () => {
  assert.deepEqual(parseContextSpec('n', 'docker-image://a:1@sha256:x'), {
    kind: 'image',
    reference: 'a:1@sha256:x',
  })
  const digest = `sha256:${'a'.repeat(64)}`
  assert.deepEqual(parseContextSpec('n', `oci-layout://oci.n:latest@${digest}`), {
    kind: 'layout',
    name: 'oci.n',
    digest,
  })
  assert.throws(() => parseContextSpec('n', 'oci-layout://n:latest'), /"n:latest" has no digest$/)
  assert.deepEqual(parseContextSpec('n', 'client:dir'), { kind: 'client', name: 'dir' })
  assert.deepEqual(parseContextSpec('n', 'https://h/f.txt'), {
    kind: 'url',
    url: 'https://h/f.txt',
  })
  assert.equal(parseContextSpec('n', 'https://h/r.git#main').kind, 'git')
  assert.equal(parseContextSpec('n', 'git@h:r').kind, 'git')
  assert.throws(() => parseContextSpec('n', 'dir'), /invalid context specifier dir for n$/)
  assert.throws(() => parseContextSpec('n', 'ftp://h'), /unsupported context source ftp for n$/)
})
