import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createLog, levelFor } from './log.ts'

function lines(
  logFormat: 'text' | 'json',
  logLevel = 'info',
): { log: ReturnType<typeof createLog>; seen: string[] } {
  const seen: string[] = []
  const log = createLog({ logFormat, logLevel, debug: false, write: (line) => seen.push(line) })
  return { log, seen }
}

test('text lines are key=value, quoted where they must be', () => {
  const { log, seen } = lines('text')
  log.info({ container: 'abc', err: new Error('went "wrong"') }, 'it failed')
  assert.match(
    seen[0] ?? '',
    /^time=\S+ level=info msg="it failed" container=abc error="went \\"wrong\\""\n$/,
  )
})

test('JSON lines carry the same', () => {
  const { log, seen } = lines('json')
  log.warn({ durationMs: 5 }, 'slow')
  const { time: _time, ...fields } = JSON.parse(seen[0] ?? '') as Record<string, unknown>
  assert.deepEqual(fields, { level: 'warn', durationMs: 5, msg: 'slow' })
})

test('levels hold back what is below', () => {
  const { log, seen } = lines('text', 'error')
  log.info('no')
  log.error('yes')
  assert.equal(seen.length, 1)
  assert.equal(levelFor({ logLevel: 'info', debug: true }), 'debug')
  assert.equal(levelFor({ logLevel: 'panic', debug: false }), 'fatal')
})
