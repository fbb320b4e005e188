import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mergeConfig } from './merge-config.ts'

test('the image fills what the user left out', () => {
  const merged = mergeConfig(
    { Image: 'x', Env: ['A=user'], Labels: { a: 'user' }, ExposedPorts: { '80/tcp': {} } },
    {
      User: 'nobody',
      Env: ['A=image', 'B=image'],
      Labels: { a: 'image', b: 'image' },
      Cmd: ['run'],
      WorkingDir: '/srv',
      StopSignal: 'SIGQUIT',
      Volumes: { '/data': {} },
      ExposedPorts: { '443/tcp': {} },
    },
  )
  assert.deepEqual(merged, {
    Image: 'x',
    User: 'nobody',
    Env: ['A=user', 'B=image'],
    Labels: { a: 'user', b: 'image' },
    Cmd: ['run'],
    WorkingDir: '/srv',
    StopSignal: 'SIGQUIT',
    Volumes: { '/data': {} },
    ExposedPorts: { '443/tcp': {}, '80/tcp': {} },
  })
})

test('an entrypoint of the user’s own drops the image’s command', () => {
  const image = { Entrypoint: ['/entry'], Cmd: ['serve'] }
  const of = (user: object): unknown[] => {
    const { Entrypoint, Cmd } = mergeConfig(user, image)
    return [Entrypoint, Cmd]
  }
  assert.deepEqual(of({}), [['/entry'], ['serve']])
  assert.deepEqual(of({ Cmd: ['other'] }), [['/entry'], ['other']])
  assert.deepEqual(of({ Entrypoint: ['sh'] }), [['sh'], undefined])
  assert.deepEqual(of({ Entrypoint: [''], Cmd: ['ls'] }), [undefined, ['ls']])
  assert.deepEqual(of({ Entrypoint: [], Cmd: ['ls'] }), [[], ['ls']])
  assert.throws(
    () => mergeConfig({ Entrypoint: [''] }, image),
    /^EngineError: no command specified$/,
  )
  assert.throws(() => mergeConfig({}, {}), /no command specified/)
})

test('a health check is completed field by field', () => {
  const { Healthcheck } = mergeConfig(
    { Cmd: ['x'], Healthcheck: { Interval: 5, Retries: 0 } },
    { Healthcheck: { Test: ['CMD', 'true'], Interval: 9, Retries: 7 } },
  )
  assert.deepEqual(Healthcheck, { Test: ['CMD', 'true'], Interval: 5, Retries: 7 })
})
