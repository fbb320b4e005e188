import assert from 'node:assert/strict'
import { test } from 'node:test'
import { absolutePath, baseName, goFileMode } from './path-stat.ts'

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

test("modes with Go's bits", () => {
  assert.equal(goFileMode({ type: 'directory', mode: 0o1777 }), 2 ** 31 + 2 ** 20 + 0o777)
  assert.equal(goFileMode({ type: 'file', mode: 0o6755 }), 2 ** 23 + 2 ** 22 + 0o755)
  assert.equal(goFileMode({ type: 'char', mode: 0o666 }), 2 ** 26 + 2 ** 21 + 0o666)
  assert.equal(goFileMode({ type: 'symlink', mode: 0o777 }), 2 ** 27 + 0o777)
})
