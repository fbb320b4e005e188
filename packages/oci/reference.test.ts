import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  type Reference,
  canonicalString,
  familiarName,
  familiarString,
  fromCanonicalName,
  canonicalName,
  parseAnyReference,
  parseReference,
  withDefaultTag,
  withDigest,
  withTag,
} from './reference.ts'

const SHA = `sha256:${'f'.repeat(64)}`

const accepted: Array<[text: string, canonical: string, familiar: string]> = [
  ['busybox', 'docker.io/library/busybox', 'busybox'],
  ['busybox:1.36', 'docker.io/library/busybox:1.36', 'busybox:1.36'],
  ['docker.io/busybox', 'docker.io/library/busybox', 'busybox'],
  ['docker.io/library/busybox', 'docker.io/library/busybox', 'busybox'],
  ['index.docker.io/busybox', 'docker.io/library/busybox', 'busybox'],
  ['library/busybox', 'docker.io/library/busybox', 'busybox'],
  ['user/app:v1', 'docker.io/user/app:v1', 'user/app:v1'],
  ['docker.io/library/a/b', 'docker.io/library/a/b', 'library/a/b'],
  ['localhost/app', 'localhost/app', 'localhost/app'],
  ['localhost:5000/app:x', 'localhost:5000/app:x', 'localhost:5000/app:x'],
  ['127.0.0.1:5000/library/app', '127.0.0.1:5000/library/app', '127.0.0.1:5000/library/app'],
  ['[::1]:5000/app', '[::1]:5000/app', '[::1]:5000/app'],
  ['[2001:db8::1]/app', '[2001:db8::1]/app', '[2001:db8::1]/app'],
  ['Uppercase/app', 'Uppercase/app', 'Uppercase/app'],
  ['xn--n3h.com/app:tag', 'xn--n3h.com/app:tag', 'xn--n3h.com/app:tag'],
  ['a/b/c/d', 'docker.io/a/b/c/d', 'a/b/c/d'],
  ['a__b/c--d/e.f', 'docker.io/a__b/c--d/e.f', 'a__b/c--d/e.f'],
  ['app:A_tag.With-all', 'docker.io/library/app:A_tag.With-all', 'app:A_tag.With-all'],
  [`app@${SHA}`, `docker.io/library/app@${SHA}`, `app@${SHA}`],
  [`app:1@${SHA}`, `docker.io/library/app:1@${SHA}`, `app:1@${SHA}`],
  [`app:${'t'.repeat(128)}`, `docker.io/library/app:${'t'.repeat(128)}`, `app:${'t'.repeat(128)}`],
  ['a'.repeat(63), `docker.io/library/${'a'.repeat(63)}`, 'a'.repeat(63)],
]

for (const [text, canonical, familiar] of accepted) {
  test(`${text.slice(0, 60)} is a reference`, () => {
    const reference = parseReference(text)
    assert.equal(canonicalString(reference), canonical)
    assert.equal(familiarString(reference), familiar)
    assert.deepEqual(parseReference(familiar), reference)
    assert.deepEqual(parseReference(canonical), reference)
  })
}

const INVALID = 'invalid reference format'
const lower = (name: string): string => `${INVALID}: repository name (${name}) must be lowercase`

const refused: Array<[text: string, message: string]> = [
  ['', INVALID],
  [':tag', INVALID],
  ['/app', INVALID],
  ['app/', INVALID],
  ['a//b', INVALID],
  ['-app', INVALID],
  ['app-', INVALID],
  ['a___b', INVALID],
  ['a..b/c', INVALID],
  ['a b', INVALID],
  ['app:', INVALID],
  ['app:-tag', INVALID],
  [`app:${'t'.repeat(129)}`, INVALID],
  ['app@sha256:abc', INVALID],
  ['https://github.com/x', INVALID],
  ['localhost:port/app', INVALID],
  ['[fe80::1%eth0]/app', INVALID],
  ['../../etc/passwd', INVALID],
  ['app\n', INVALID],
  ['APP', lower('library/APP')],
  ['user/App:1', lower('user/App')],
  ['localhost:5000/App', lower('App')],
  [
    'f'.repeat(64),
    `invalid repository name (${'f'.repeat(64)}), cannot specify 64-byte hexadecimal strings`,
  ],
  [`a/${'b'.repeat(254)}`, 'repository name must not be more than 255 characters'],
  ['a'.repeat(100_000), INVALID],
  [`app@sha256:${'f'.repeat(40)}`, 'invalid checksum digest length'],
  [`app@md5:${'f'.repeat(32)}`, 'unsupported digest algorithm'],
  [`app@sha256:${'F'.repeat(64)}`, 'invalid checksum digest format'],
]

for (const [text, message] of refused) {
  test(`${JSON.stringify(text.slice(0, 60))} is refused`, () => {
    assert.throws(() => parseReference(text), { message })
  })
}

test('matching hostile input stays quick', () => {
  const started = performance.now()
  for (const text of [
    'a-'.repeat(2000),
    'a/'.repeat(2000),
    'a.'.repeat(2000),
    `${'a'.repeat(4000)}!`,
  ]) {
    assert.throws(() => parseReference(text))
  }
  assert.ok(performance.now() - started < 500)
})

test('an id, a digest or a name', () => {
  assert.deepEqual(parseAnyReference('f'.repeat(64)), { kind: 'id', digest: SHA })
  assert.deepEqual(parseAnyReference(SHA), { kind: 'id', digest: SHA })
  assert.equal(parseAnyReference('f'.repeat(63)).kind, 'reference')
  assert.equal(parseAnyReference('sha256:abc').kind, 'reference')
})

test('tags and digests are added', () => {
  const app: Reference = parseReference('app')
  assert.equal(familiarString(withDefaultTag(app)), 'app:latest')
  assert.equal(familiarString(withDefaultTag(withTag(app, '1'))), 'app:1')
  assert.equal(familiarString(withDefaultTag(withDigest(app, SHA))), `app@${SHA}`)
  assert.throws(() => withTag(app, '.x'), { message: 'invalid tag format' })
  assert.throws(() => withDigest(app, 'sha256:../x'), { message: 'invalid checksum digest format' })
  assert.deepEqual(fromCanonicalName(canonicalName(app)), {
    domain: 'docker.io',
    path: 'library/app',
  })
  assert.equal(familiarName(withTag(app, '1')), 'app')
})
