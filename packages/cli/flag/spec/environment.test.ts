import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { checkLabel, envValue, readKeyValueFile, toMap } from './environment.ts'

const directory = mkdtempSync(join(tmpdir(), 'tdocker-cli-env-'))
after(() => rmSync(directory, { recursive: true }))

function file(content: string | Buffer): string {
  const path = join(directory, 'file')
  writeFileSync(path, content)
  return path
}

test('-e: with a value, with the client’s, without', () => {
  const value = envValue((name) => (name === 'HOME' ? '/root' : undefined))
  assert.equal(value('A=B=C'), 'A=B=C')
  assert.equal(value('A='), 'A=')
  assert.equal(value('HOME'), 'HOME=/root')
  assert.equal(value('NOPE'), 'NOPE')
  assert.throws(() => value('=a'), { message: 'invalid environment variable: =a' })
})

test('files: comments, blank lines, BOM, CRLF, values as they stand', () => {
  const path = file('\uFEFFA=1\r\n# no\n\n  B="x" # kept \nHOME\nNOPE\nC=')
  const lookup = (name: string): string | undefined => (name === 'HOME' ? '/root' : undefined)
  assert.deepEqual(readKeyValueFile(path, lookup), ['A=1', 'B="x" # kept ', 'HOME=/root', 'C='])
})

test('files: refusals name the file', () => {
  const refuses = (content: string | Buffer, reason: string): void => {
    const path = file(content)
    assert.throws(() => readKeyValueFile(path), {
      message: `invalid env file (${path}): ${reason}`,
    })
  }
  refuses('a b=c', "variable 'a b' contains whitespaces")
  refuses('=c', "no variable name on line '=c'")
  refuses(Buffer.from([0x41, 0xff]), 'invalid utf8 bytes at line 1: [65 255]')
  assert.throws(() => readKeyValueFile('/nonexistent'), {
    message: 'open /nonexistent: no such file or directory',
  })
})

test('labels', () => {
  assert.equal(checkLabel('a=b c'), 'a=b c')
  assert.throws(() => checkLabel(''), { message: "invalid label '': empty name" })
  assert.throws(() => checkLabel('a b=c'), { message: "label 'a b' contains whitespaces" })
  assert.deepEqual(toMap(['a=b=c', 'd']), { a: 'b=c', d: '' })
})
