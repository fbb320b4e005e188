import assert from 'node:assert/strict'
import { test } from 'node:test'
import { helpPage } from './help.ts'

test('the page is shaped like dockerd’s', () => {
  const lines = helpPage().split('\n')
  assert.deepEqual(lines.slice(0, 5), [
    'Usage:\ttdockerd [OPTIONS]',
    '',
    'A self-sufficient runtime for containers.',
    '',
    'Options:',
  ])
  const column = (text: string): number => lines.find((l) => l.includes(text))?.indexOf(text) ?? -1
  assert.equal(column('Enable debug mode'), column('Print usage'))
  assert.ok(lines.some((l) => /^ {2}-H, --host list +Daemon socket/.test(l)))
  assert.ok(lines.some((l) => /^ {6}--mtu int +.*\(default 1500\)$/.test(l)))
  assert.ok(lines.some((l) => /--data-root string .*\(default "\/var\/lib\/tdocker"\)$/.test(l)))
  assert.ok(!lines.some((l) => l.includes('network-diagnostic-port')))
})
