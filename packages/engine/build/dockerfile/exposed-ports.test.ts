import assert from 'node:assert/strict'
import { test } from 'node:test'
import { NO_OPTIONS } from './checks/options.ts'
import { reportTo } from './checks/report.ts'
import { parseExposedPorts } from './exposed-ports.ts'
import type { Warning } from './instruction.ts'

const lines = { start: 1, end: 1 }

function parse(...words: string[]): { ports: string[]; found: string[] } {
  const warnings: Warning[] = []
  const ports = parseExposedPorts(words, lines, reportTo(warnings, NO_OPTIONS))
  return { ports, found: warnings.map(({ rule }) => rule) }
}

test('ports, ranges, protocols', () => {
  assert.deepEqual(parse('80', '53/udp', '90-92/sctp', '7-7'), {
    ports: ['80/tcp', '53/udp', '90/sctp', '91/sctp', '92/sctp', '7/tcp'],
    found: [],
  })
})

test("a protocol's case and the host's part are found fault with", () => {
  assert.deepEqual(parse('80/TCP'), { ports: ['80/tcp'], found: ['ExposeProtoCasing'] })
  assert.deepEqual(parse('8080:80', '127.0.0.1:1-2:3', '[::1]:1:2'), {
    ports: ['80/tcp', '3/tcp', '2/tcp'],
    found: ['ExposeInvalidFormat', 'ExposeInvalidFormat', 'ExposeInvalidFormat'],
  })
})

const ERRORS: readonly (readonly [word: string, error: string])[] = [
  ['x', 'invalid containerPort: x'],
  ['65536', 'invalid containerPort: 65536'],
  ['-1', 'invalid containerPort: -1'],
  ['2-1', 'invalid containerPort: 2-1'],
  ['80/', ''],
  ['/tcp', 'invalid port: "/tcp": no port specified'],
  ['80/http', 'invalid port: "80/http": invalid proto: http'],
  ['x:80', 'invalid hostPort: x'],
  ['1-3:1-2', 'invalid ranges specified for container and host Ports: 1-2 and 1-3'],
  ['a:1:2', 'invalid IP address: a'],
]

for (const [word, message] of ERRORS) {
  test(`${word}: ${message}`, () => {
    if (message === '') assert.deepEqual(parse(word).ports, ['80/tcp'])
    else assert.throws(() => parse(word), { message })
  })
}
