import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FlagSet } from './flag-set.ts'
import { flagUsages } from './usage.ts'

test('two columns, sorted, wrapped with an overhang of five, defaults at the end', () => {
  const flags = new FlagSet()
  flags.string('platform', '', '', 'Set platform if server is multi-platform capable')
  flags.bool('all-tags', 'a', false, 'Download all tagged images in the repository')
  flags.bool('quiet', 'q', false, 'Suppress verbose output')
  flags.bool('check', '', true, 'Check the image')
  flags.string('level', 'l', 'info', 'Set the level')
  assert.equal(
    flagUsages(flags, 79),
    `  -a, --all-tags          Download all tagged images in the repository
      --check             Check the image (default true)
  -l, --level string      Set the level (default "info")
      --platform string   Set platform if server is multi-platform capable
  -q, --quiet             Suppress verbose output
`,
  )
  assert.equal(
    flagUsages(flags, 60).split('\n').slice(0, 2).join('\n'),
    `  -a, --all-tags          Download all tagged images
                          in the repository`,
  )
})

test('line breaks of the text stay, other names of a flag are not shown', () => {
  const flags = new FlagSet()
  const network = flags.string('network', '', '', "First:\n'a':  one")
  flags.alias('net', network)
  assert.equal(
    flagUsages(flags, 79),
    `      --network string   First:\n${' '.repeat(25)}'a':  one\n`,
  )
})
