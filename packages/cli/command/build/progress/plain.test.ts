import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { WireSolveStatus } from '@tdocker/api/build-trace.ts'
import { PlainPrinter } from './plain.ts'
import { BuildState } from './state.ts'

const T0 = Date.parse('2024-01-01T00:00:00.000Z')
const at = (ms: number): string => new Date(T0 + ms).toISOString()
const log = (vertex: string, text: string, ms: number): WireSolveStatus => ({
  logs: [{ vertex, stream: 1, data: Buffer.from(text).toString('base64'), timestamp: at(ms) }],
})
const step = (name: string, started?: number, completed?: number, more = {}): WireSolveStatus => ({
  vertexes: [
    {
      digest: name,
      name,
      ...(started !== undefined && { started: at(started) }),
      ...(completed !== undefined && { completed: at(completed) }),
      ...more,
    },
  ],
})

/** What is printed when each message comes with the next flush. */
function printed(...told: Array<WireSolveStatus | { pause: number }>): string {
  const state = new BuildState()
  let text = ''
  let now = 0
  const printer = new PlainPrinter((part) => (text += part))
  for (const each of told) {
    if ('pause' in each) now += each.pause
    else printer.update(state.apply(each))
    printer.flush(now)
  }
  printer.finish(state, now)
  return text
}

test('steps have numbers, output its time, and an end', () => {
  assert.equal(
    printed(
      step('[1/2] FROM x', 0, 0, { cached: true }),
      step('[2/2] RUN y'),
      step('[2/2] RUN y', 0),
      log('[2/2] RUN y', 'one\ntw', 312),
      log('[2/2] RUN y', 'o\n', 12_345),
      step('[2/2] RUN y', 0, 20_000),
    ),
    '#1 [1/2] FROM x\n#1 CACHED\n\n#2 [2/2] RUN y\n#2 0.312 one\n#2 0.312 two\n#2 DONE 20.0s\n',
  )
})

test('steps side by side take turns', () => {
  assert.equal(
    printed(
      step('a', 0),
      step('b', 0),
      log('a', 'a1\n', 100),
      log('b', 'b1\n', 100),
      log('a', 'a2\n', 200),
      step('a', 0, 300),
      { pause: 0 },
      log('b', 'b2', 400),
      step('c', 400, 400),
      step('b', 0, 500),
    ),
    [
      '#1 a',
      '#1 0.100 a1',
      '#1 0.200 a2',
      '#1 DONE 0.3s',
      '',
      '#2 b',
      '#2 0.100 b1',
      '#2 0.400 b2',
      '#2 ...',
      '',
      '#3 c',
      '#3 DONE 0.0s',
      '',
      '#2 b',
      '#2 DONE 0.5s',
      '',
    ].join('\n'),
  )
})

test('nobody keeps the floor for ever', () => {
  const text = printed(
    step('a', 0),
    step('b', 0),
    log('b', 'b1\n', 100),
    { pause: 6000 },
    log('a', 'a1\n', 6000),
    step('b', 0, 7000),
    step('a', 0, 7000),
  )
  assert.match(text, /^#1 a\n#1 \.\.\.\n\n#2 b\n#2 0\.100 b1\n[^]*#1 6\.000 a1\n#1 DONE 7\.0s\n$/)
})

test('what grows is told now and then, and when it is done', () => {
  const grown = (current: number, ms: number, completed?: number): WireSolveStatus => ({
    statuses: [
      {
        id: 'layer',
        vertex: 'a',
        current,
        total: 2000,
        timestamp: at(ms),
        started: at(0),
        ...(completed !== undefined && { completed: at(completed) }),
      },
    ],
  })
  assert.equal(
    printed(
      step('a', 0),
      grown(10, 0),
      grown(20, 10),
      grown(1000, 100),
      grown(2000, 500, 500),
      step('a', 0, 500),
    ),
    [
      '#1 a',
      '#1 layer 10B / 2.00kB',
      '#1 layer 1.00kB / 2.00kB 0.1s',
      '#1 layer 2.00kB / 2.00kB 0.5s done',
      '#1 DONE 0.5s',
      '',
    ].join('\n'),
  )
})

test('failures are told again at the end, what ended because of them is not', () => {
  assert.equal(
    printed(
      step('a', 0),
      log('a', 'why\n', 1),
      step('b', 0),
      step('a', 0, 100, { error: 'exit code: 3' }),
      step('b', 0, 100, { error: 'context canceled' }),
    ),
    [
      ...['#1 a', '#1 0.001 why', '#1 ERROR: exit code: 3', '', '#2 b', '#2 CANCELED'],
      ...['------', ' > a:', '0.001 why', '------', ''],
    ].join('\n'),
  )
})
