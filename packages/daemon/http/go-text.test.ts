import assert from 'node:assert/strict'
import { test } from 'node:test'
import { macOf, textParsers } from './go-text.ts'

const parse = (type: string, text: string): string => textParsers.get(type)!(text)

test('addresses', () => {
  for (const text of ['', '1.2.3.4', '::1', 'fe80::1'])
    assert.equal(parse('netip.Addr', text), text)
  for (const [text, reason] of [
    ['x', 'unable to parse IP'],
    ['1.2.3', 'IPv4 address too short'],
    ['1.2.3.4.5', 'IPv4 address too long'],
    ['1.2.3.256', 'IPv4 field has value >255'],
    ['01.2.3.4', 'IPv4 field has octet with leading zero'],
    ['1..2.3', 'IPv4 field must have at least one digit (at ".2.3")'],
    ['1.2.3.x', 'unexpected character (at "x")'],
    ['%eth0', 'missing IPv6 address'],
    ['1::2::3', 'unable to parse IP'],
  ] as const)
    assert.throws(() => parse('netip.Addr', text), {
      message: `invalid JSON: ParseAddr("${text}"): ${reason}`,
    })
})

test('ports', () => {
  assert.equal(parse('network.Port', '80'), '80/tcp')
  assert.equal(parse('network.Port', '053/UDP'), '53/udp')
  for (const [text, number, reason] of [
    ['x/tcp', 'x', 'invalid syntax'],
    ['/tcp', '', 'value is empty'],
    ['65536', '65536', 'value out of range'],
    ['80-90/tcp', '80-90', 'invalid syntax'],
  ] as const)
    assert.throws(() => parse('network.Port', text), {
      message: `invalid JSON: invalid port '${number}': ${reason}`,
    })
})

test('hardware addresses', () => {
  assert.equal(macOf('02-42-AC-11-00-02'), '02:42:ac:11:00:02')
  assert.equal(macOf('0242.ac11.0002'), '02:42:ac:11:00:02')
  assert.equal(macOf('02:42'), undefined)
  assert.throws(() => parse('network.HardwareAddr', 'x'), {
    message: 'invalid JSON: address x: invalid MAC address',
  })
})
