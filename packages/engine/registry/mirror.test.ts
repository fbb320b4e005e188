import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mirrorText, parseMirror } from './mirror.ts'

test('a bare URL mirrors Hub, HOST=URL mirrors that host', () => {
  const cases: Array<[string, string, string]> = [
    ['https://m.test', 'docker.io', 'https://m.test/'],
    ['http://m.test:5000/', 'docker.io', 'http://m.test:5000/'],
    ['https://m.test/a=b', 'docker.io', 'https://m.test/a=b/'],
    ['ghcr.io=https://m.test/ghcr', 'ghcr.io', 'https://m.test/ghcr/'],
    ['r.test:5000=http://m.test', 'r.test:5000', 'http://m.test/'],
    ['[::1]:5000=http://m.test', '[::1]:5000', 'http://m.test/'],
    ['docker.io=https://m.test', 'docker.io', 'https://m.test/'],
    ['registry-1.docker.io=https://m.test', 'docker.io', 'https://m.test/'],
  ]
  for (const [entry, host, url] of cases) {
    assert.deepEqual(parseMirror(entry), { host, url }, entry)
  }
  assert.equal(mirrorText({ host: 'docker.io', url: 'https://m/' }), 'https://m/')
  assert.equal(mirrorText({ host: 'ghcr.io', url: 'https://m/' }), 'ghcr.io=https://m/')
})

test('what is no mirror, in moby’s words', () => {
  const cases: Array<[string, RegExp]> = [
    ['m.test', /no scheme specified for "m.test": must use either 'https:\/\/' or 'http:\/\/'/],
    ['ftp://m.test', /unsupported scheme "ftp" in "ftp:\/\/m.test"/],
    ['http://m.test?a=b', /query or fragment at end of the URI/],
    ['http://u:secret@m.test', /username\/password not allowed in URI "http:\/\/u:xxxxx@m.test/],
    ['http://[', /not a valid URI/],
    ['ghcr.io=m.test', /no scheme specified for "m.test"/],
    ['-bad=https://m.test', /invalid host "-bad"/],
    ['=https://m.test', /invalid host ""/],
  ]
  for (const [entry, message] of cases) {
    assert.throws(() => parseMirror(entry), { kind: 'invalidParameter', message }, entry)
  }
})
