import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatTime } from '../clock.ts'
import { absolutePath, baseName, goFileMode, printable } from './path-stat.ts'

test('paths as Go cleans them, with what asks for the target of a link', () => {
  for (const [given, expected] of [
    ['/', '/'],
    ['.', '/.'],
    ['a', '/a'],
    ['/a/', '/a/'],
    ['/a//b/../c/.', '/a/c/.'],
    ['../../x', '/x'],
    ['/..', '/'],
    ['/a/./', '/a/.'],
  ] as const)
    assert.equal(absolutePath(given), expected, given)
})

test('last names as Go tells them', () => {
  for (const [path, expected] of [
    ['', '.'],
    ['/', '/'],
    ['//', '/'],
    ['/a/b', 'b'],
    ['/a/b/', 'b'],
    ['/a/.', '.'],
  ] as const)
    assert.equal(baseName(path), expected, path)
})

test('times that a hostile container may set are told, too', () => {
  for (const [ns, expected] of [
    [1_500_000_000n, '1970-01-01T00:00:01.5Z'],
    [-500_000_000n, '1969-12-31T23:59:59Z'],
    [2n ** 70n, '9999-12-31T23:59:59Z'],
    [-(2n ** 66n), '0001-01-01T00:00:00Z'],
  ] as const)
    assert.equal(formatTime(printable(ns)), expected)
})

test("modes with Go's bits", () => {
  assert.equal(goFileMode({ type: 'directory', mode: 0o1777 }), 2 ** 31 + 2 ** 20 + 0o777)
  assert.equal(goFileMode({ type: 'file', mode: 0o6755 }), 2 ** 23 + 2 ** 22 + 0o755)
  assert.equal(goFileMode({ type: 'char', mode: 0o666 }), 2 ** 26 + 2 ** 21 + 0o666)
  assert.equal(goFileMode({ type: 'symlink', mode: 0o777 }), 2 ** 27 + 0o777)
})
