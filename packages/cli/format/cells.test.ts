import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cellsOf, clipCells, printable } from './cells.ts'

test('wide characters take two cells, marks none', () => {
  for (const [text, cells] of [
    ['plain', 5],
    ['日本', 4],
    ['e\u0301', 1],
    ['👍🏽', 2],
    ['👩‍👩‍👧', 2],
    ['🇩🇪', 2],
    ['한글', 4],
    ['ﬁ→', 2],
    ['', 0],
  ] as const)
    assert.equal(cellsOf(text), cells, text)
})

test('a text is clipped at whole characters', () => {
  assert.equal(clipCells('日本語', 5), '日本')
  assert.equal(clipCells('abc', 2), 'ab')
  assert.equal(clipCells('a👩‍👩‍👧b', 3), 'a👩‍👩‍👧')
  assert.equal(clipCells('abc', -1), '')
})

test('what moves the cursor or colours is no text', () => {
  assert.equal(printable('\x1b[31mred\x1b[0m\tx\x07\x1b]0;title\x07y\x1b[2Jz\x9b1m'), 'red xyz1m')
})
