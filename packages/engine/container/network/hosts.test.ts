import assert from 'node:assert/strict'
import { test } from 'node:test'
import { withLines, withoutLines } from './hosts.ts'

const text = '127.0.0.1\tlocalhost\n10.0.0.2\tbox\n'

test('addresses come and go with their lines', () => {
  const more = withLines(text, { config: { Hostname: 'box' } }, ['10.1.0.2', 'fd00::2'])
  assert.equal(more, `${text}10.1.0.2\tbox\nfd00::2\tbox\n`)
  assert.equal(withoutLines(more, ['10.1.0.2', 'fd00::2']), text)
  assert.equal(withoutLines(text, ['10.0.0.20']), text)
})

test('a file that ends without a newline, and a domain', () => {
  const c = { config: { Hostname: 'box', Domainname: 'lan' } }
  assert.equal(withLines('x\ty', c, ['10.1.0.2']), 'x\ty\n10.1.0.2\tbox.lan box\n')
})
