import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Screen } from '../../../testing/screen.ts'
import { BuildState } from './state.ts'
import { TtyDisplay } from './tty.ts'

const T0 = Date.parse('2024-01-01T00:00:00.000Z')
const at = (ms: number): string => new Date(T0 + ms).toISOString()
const bytes = (text: string): string => Buffer.from(text).toString('base64')

function scene(width: number, height: number) {
  const state = new BuildState()
  const screen = new Screen(width)
  const size = { width, height }
  const writes: string[] = []
  const display = new TtyDisplay(
    {
      write: (text) => {
        writes.push(text)
        screen.write(text)
      },
      size: () => size,
      colours: false,
    },
    state,
  )
  /** `ms` after the first step's start, whatever the clock here says. */
  const draw = (ms: number): string[] => {
    display.draw(T0 + ms + state.clockDifference)
    return screen.lines
  }
  const resize = (to: number): void => {
    size.width = to
    screen.resize(to)
  }
  return { state, screen, display, draw, resize, writes }
}

test('one line a step, with its time; the last output of those that run', () => {
  const { state, draw, screen, display } = scene(50, 20)
  state.apply({
    vertexes: [
      { digest: 'a', name: '[1/3] FROM busybox', started: at(0), completed: at(0), cached: true },
      { digest: 'b', name: '[2/3] RUN make', started: at(100) },
      { digest: 'c', name: '[3/3] COPY . .' },
    ],
    logs: [
      { vertex: 'b', stream: 1, data: bytes('one\ntwo\rTWO\n\n\x1b[2Jthree'), timestamp: at(200) },
    ],
  })
  assert.deepEqual(draw(2300), [
    '[+] Building 2.3s (1/3)',
    ' => CACHED [1/3] FROM busybox                0.0s',
    ' => [2/3] RUN make                           2.2s',
    ' => => # one',
    ' => => # TWO',
    ' => => # three',
  ])
  state.apply({
    vertexes: [
      { digest: 'b', name: '[2/3] RUN make', started: at(100), completed: at(2600) },
      { digest: 'c', name: '[3/3] COPY . .', started: at(2600), completed: at(2700) },
    ],
  })
  draw(2700)
  display.finish(T0 + 2700 + state.clockDifference)
  assert.deepEqual(screen.lines, [
    '[+] Building 2.7s (3/3) FINISHED',
    ' => CACHED [1/3] FROM busybox                0.0s',
    ' => [2/3] RUN make                           2.5s',
    ' => [3/3] COPY . .                           0.1s',
  ])
  assert.ok(screen.isCursorShown)
})

test('what grows has a line of its own', () => {
  const { state, draw } = scene(60, 20)
  state.apply({
    vertexes: [{ digest: 'a', name: 'FROM x', started: at(0) }],
    statuses: [
      {
        id: 'abc',
        vertex: 'a',
        current: 1_230_000,
        total: 4_000_000,
        timestamp: at(900),
        started: at(0),
      },
    ],
  })
  assert.deepEqual(draw(1000), [
    '[+] Building 1.0s (0/1)',
    ' => FROM x                                             1.0s',
    ' => => abc 1.23MB / 4.00MB                             1.0s',
  ])
})

test('a small terminal keeps what runs; wide characters do not break the line', () => {
  const { state, draw } = scene(30, 6)
  const done = (n: number) => ({
    digest: `d${n}`,
    name: `done ${n}`,
    started: at(n),
    completed: at(n),
  })
  state.apply({
    vertexes: [
      { digest: 'r', name: 'RUN 日本語日本語日本語日本語', started: at(0) },
      ...Array.from({ length: 8 }, (_, n) => done(n)),
    ],
    logs: [{ vertex: 'r', stream: 1, data: bytes('x\n'), timestamp: at(1) }],
  })
  const lines = draw(1000)
  assert.deepEqual(lines, [
    '[+] Building 1.0s (8/9)',
    ' => RUN 日本語日本語日本 1.0s',
    ' => done 5               0.0s',
    ' => done 6               0.0s',
    ' => done 7               0.0s',
  ])
})

test('a terminal that becomes narrower shows nothing twice', () => {
  const { state, draw, resize } = scene(60, 20)
  state.apply({ vertexes: [{ digest: 'a', name: 'RUN something long enough', started: at(0) }] })
  draw(100)
  resize(25)
  assert.deepEqual(draw(200), ['[+] Building 0.2s (0/1)', ' => RUN something l 0.2s'])
  resize(80)
  assert.equal(draw(300).length, 2)
})

test('each frame is one write, and clears no more than it must', () => {
  const { state, draw, writes } = scene(60, 20)
  state.apply({ vertexes: [{ digest: 'a', name: 'RUN x', started: at(0) }] })
  draw(100)
  draw(200)
  assert.equal(writes.length, 2)
  assert.ok(writes.every((text) => !text.includes('\x1b[2J') && text.endsWith('\x1b[?25h')))
})

test('at the end, what a failed step said', () => {
  const { state, screen, display } = scene(60, 20)
  state.apply({
    vertexes: [{ digest: 'a', name: '[2/2] RUN x', started: at(0) }],
    logs: [{ vertex: 'a', stream: 2, data: bytes('why\nso'), timestamp: at(312) }],
  })
  state.apply({
    vertexes: [
      {
        digest: 'a',
        name: '[2/2] RUN x',
        started: at(0),
        completed: at(400),
        error: 'exit code: 1',
      },
      { digest: 'b', name: 'RUN y', started: at(0), completed: at(400), error: 'context canceled' },
    ],
  })
  display.finish(T0 + 400 + state.clockDifference)
  assert.deepEqual(screen.lines.slice(1), [
    ' => ERROR [2/2] RUN x                                  0.4s',
    ' => CANCELED RUN y                                     0.4s',
    '------',
    ' > [2/2] RUN x:',
    '0.312 why',
    '0.312 so',
    '------',
  ])
})
