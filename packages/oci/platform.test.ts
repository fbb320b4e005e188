import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  formatPlatform,
  hostPlatform,
  normalizePlatform,
  parsePlatform,
  platformMatches,
  platformRank,
} from './platform.ts'

const parsed: Array<[text: string, formatted: string]> = [
  ['linux/amd64', 'linux/amd64'],
  ['linux/x86_64', 'linux/amd64'],
  ['linux/amd64/v1', 'linux/amd64'],
  ['linux/amd64/v3', 'linux/amd64/v3'],
  ['Linux/AMD64', 'linux/amd64'],
  ['linux/aarch64', 'linux/arm64'],
  ['linux/arm64/v8', 'linux/arm64'],
  ['linux/arm64/8', 'linux/arm64'],
  ['linux/arm', 'linux/arm/v7'],
  ['linux/arm/v6', 'linux/arm/v6'],
  ['linux/arm/6', 'linux/arm/v6'],
  ['linux/armhf', 'linux/arm/v7'],
  ['linux/armel', 'linux/arm/v6'],
  ['linux/i386', 'linux/386'],
  ['macos/arm64', 'darwin/arm64'],
  ['windows(10.0.17763)/amd64', 'windows(10.0.17763)/amd64'],
  ['s390x', 'linux/s390x'],
  ['linux', formatPlatform(hostPlatform())],
]

for (const [text, formatted] of parsed) {
  test(`${text} means ${formatted}`, () => {
    assert.equal(formatPlatform(parsePlatform(text)), formatted)
  })
}

for (const text of [
  '',
  'linux/*',
  'nonsense',
  'linux/amd64/v1/x',
  'linux/am d64',
  'li nux/amd64',
  'linux//',
]) {
  test(`${JSON.stringify(text)} is no platform`, () => {
    assert.throws(() => parsePlatform(text), /: invalid argument$/)
  })
}

const rank = (wanted: string, candidate: string): number | undefined =>
  platformRank(parsePlatform(wanted), parsePlatform(candidate))

test('older variants run on newer ones, the best first', () => {
  assert.equal(rank('linux/amd64', 'linux/amd64'), 0)
  assert.ok(
    (rank('linux/arm/v7', 'linux/arm/v7') ?? 9) < (rank('linux/arm/v7', 'linux/arm/v6') ?? 0),
  )
  assert.equal(rank('linux/arm/v6', 'linux/arm/v7'), undefined)
  assert.ok(
    (rank('linux/amd64/v3', 'linux/amd64/v2') ?? 9) < (rank('linux/amd64/v3', 'linux/amd64') ?? 0),
  )
  assert.equal(rank('linux/amd64', 'linux/amd64/v2'), undefined)
  assert.ok(rank('linux/amd64', 'linux/386'))
  assert.equal(rank('linux/arm64', 'linux/arm64/v8'), 0)
  assert.ok(rank('linux/arm64', 'linux/arm/v7'))
  assert.ok(rank('linux/arm64/v9', 'linux/arm64/v8.5'))
  assert.equal(rank('linux/arm64/v9', 'linux/arm64/v8.6'), undefined)
  assert.equal(rank('linux/s390x', 'linux/s390x'), 0)
  assert.equal(rank('linux/amd64', 'windows/amd64'), undefined)
  assert.equal(rank('linux/arm64', 'linux/amd64'), undefined)
})

test('configs without a variant match by architecture', () => {
  assert.ok(platformMatches(parsePlatform('linux/arm/v6'), { os: 'linux', architecture: 'arm' }))
  assert.ok(
    !platformMatches(parsePlatform('linux/arm/v6'), {
      os: 'linux',
      architecture: 'arm',
      variant: 'v7',
    }),
  )
  assert.ok(!platformMatches(parsePlatform('linux/amd64'), { os: 'linux', architecture: 'arm64' }))
})

test('normalising keeps the rest', () => {
  assert.deepEqual(
    normalizePlatform({ os: '', architecture: 'x86-64', 'os.version': '1', 'os.features': ['a'] }),
    { os: 'linux', architecture: 'amd64', 'os.version': '1', 'os.features': ['a'] },
  )
})
