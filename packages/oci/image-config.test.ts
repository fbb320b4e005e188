import assert from 'node:assert/strict'
import { test } from 'node:test'
import { digestOf } from './digest.ts'
import { parseImageConfig } from './image-config.ts'

const rootfs = { type: 'layers', diff_ids: [digestOf('a')] }
const parse = (value: unknown): ReturnType<typeof parseImageConfig> =>
  parseImageConfig(Buffer.from(JSON.stringify(value)))

test('what Go writes as null is left out', () => {
  const config = parse({
    architecture: 'amd64',
    os: 'linux',
    rootfs,
    config: {
      Env: null,
      Cmd: ['sh'],
      Entrypoint: null,
      Volumes: null,
      Labels: null,
      User: '',
      OnBuild: null,
    },
    container_config: null,
    history: null,
  })
  assert.deepEqual(config, { architecture: 'amd64', os: 'linux', rootfs, config: { Cmd: ['sh'] } })
})

test('everything that is known is kept', () => {
  const whole = {
    architecture: 'arm',
    variant: 'v7',
    os: 'linux',
    'os.version': '1',
    created: '2024-01-02T03:04:05Z',
    author: 'somebody',
    comment: 'made',
    config: {
      User: '1:2',
      ExposedPorts: { '80/tcp': {} },
      Env: ['A=b'],
      Entrypoint: ['e'],
      Cmd: ['c'],
      Volumes: { '/v': {} },
      WorkingDir: '/w',
      Labels: { l: 'm' },
      StopSignal: 'SIGUSR1',
      Shell: ['/bin/ash', '-c'],
      OnBuild: ['RUN x'],
      ArgsEscaped: true,
      Healthcheck: { Test: ['CMD', 'true'], Interval: 1_000_000_000, Retries: 3 },
    },
    rootfs,
    history: [{ created_by: 'x', empty_layer: true }],
  }
  assert.deepEqual(parse(whole), whole)
})

const refused: Array<[string, unknown, RegExp]> = [
  ['no rootfs', { os: 'linux' }, /invalid rootfs in image configuration/],
  ['a diff id with a path', { rootfs: { diff_ids: ['../../x'] } }, /invalid diff ID/],
  ['text as command', { rootfs, config: { Cmd: 'sh' } }, /invalid Cmd/],
  ['numbers as environment', { rootfs, config: { Env: [1] } }, /invalid Env/],
  ['a list as volumes', { rootfs, config: { Volumes: ['/v'] } }, /invalid Volumes/],
  ['numbers as labels', { rootfs, config: { Labels: { a: 1 } } }, /invalid Labels/],
  ['a text interval', { rootfs, config: { Healthcheck: { Interval: '1s' } } }, /invalid Interval/],
  ['history that is none', { rootfs, history: {} }, /invalid history/],
  ['a list', [], /invalid image config/],
]

for (const [what, document, message] of refused) {
  test(`${what} is refused`, () => assert.throws(() => parse(document), message))
}

test('labels named like parts of objects stay labels', () => {
  const text = `{"rootfs":${JSON.stringify(rootfs)},"config":{"Labels":{"__proto__":"x","constructor":"y"}}}`
  const { config } = parseImageConfig(Buffer.from(text))
  assert.deepEqual(Object.entries(config?.Labels ?? {}), [
    ['__proto__', 'x'],
    ['constructor', 'y'],
  ])
  assert.equal(Object.getPrototypeOf(config?.Labels), Object.prototype)
})
