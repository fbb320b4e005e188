import assert from 'node:assert/strict'
import { test } from 'node:test'
import { excerpt, formatCheck, formatSummary } from './excerpt.ts'
import type { Warning } from './instruction.ts'

const text = Array.from({ length: 12 }, (_, n) => `line ${n + 1}`).join('\n')
const source = { name: 'Dockerfile', text }

const rows = (lines: { start: number; end: number }): string[] =>
  excerpt(source, lines).split('\n').slice(2, -2)

test('one line with two on each side', () => {
  assert.equal(
    excerpt(source, { start: 5, end: 5 }),
    `Dockerfile:5
--------------------
   3 |     line 3
   4 |     line 4
   5 | >>> line 5
   6 |     line 6
   7 |     line 7
--------------------
`,
  )
})

test('several lines with one on each side; at the edges the other side gets more', () => {
  assert.deepEqual(rows({ start: 5, end: 6 }), [
    '   4 |     line 4',
    '   5 | >>> line 5',
    '   6 | >>> line 6',
    '   7 |     line 7',
  ])
  assert.deepEqual(rows({ start: 1, end: 1 }), [
    '   1 | >>> line 1',
    '   2 |     line 2',
    '   3 |     line 3',
  ])
  assert.deepEqual(rows({ start: 11, end: 20 }), [
    '  10 |     line 10',
    '  11 | >>> line 11',
    '  12 | >>> line 12',
  ])
})

test('no place, no excerpt', () => {
  assert.equal(excerpt(source, undefined), '')
  assert.equal(excerpt(source, { start: 0, end: 0 }), '')
  assert.equal(excerpt(source, { start: 13, end: 13 }), '')
})

const warning: Warning = {
  rule: 'MaintainerDeprecated',
  description: '',
  url: 'https://x/',
  detail: 'Maintainer is old',
  lines: { start: 12, end: 12 },
}

test('what --check prints', () => {
  assert.deepEqual(formatCheck([], source), {
    text: 'Check complete, no warnings found.\n',
    status: 0,
  })
  const early = { ...warning, rule: 'B', url: '', lines: { start: 1, end: 1 } }
  const { text, status } = formatCheck([warning, early], source)
  assert.equal(status, 1)
  assert.equal(
    text,
    `Check complete, 2 warnings have been found!

WARNING: B
Maintainer is old
${excerpt(source, early.lines)}
WARNING: MaintainerDeprecated - https://x/
Maintainer is old
${excerpt(source, warning.lines)}`,
  )
  const failed = formatCheck([], source, { message: 'bad', lines: { start: 2, end: 2 } })
  const error = `bad\n${excerpt(source, { start: 2, end: 2 })}`
  assert.deepEqual(failed, { text: '', error, status: 1 })
})

test('what stands at the end of a build', () => {
  assert.equal(formatSummary([]), '')
  assert.equal(
    formatSummary([warning]),
    '\n 1 warning found (use docker --debug to expand):\n - MaintainerDeprecated: Maintainer is old (line 12)\n',
  )
})
