import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseChallenges } from './challenge.ts'

const parse = (header: string | string[]): unknown =>
  parseChallenges(header).map(({ scheme, parameters }) => [scheme, Object.fromEntries(parameters)])

test('bearer as Docker Hub sends it', () => {
  const header =
    'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull,push",error="insufficient_scope"'
  assert.deepEqual(parse(header), [
    [
      'bearer',
      {
        realm: 'https://auth.docker.io/token',
        service: 'registry.docker.io',
        scope: 'repository:a/b:pull,push',
        error: 'insufficient_scope',
      },
    ],
  ])
})

test('several challenges, in one header and in several', () => {
  const both = [
    ['basic', { realm: 'a "quoted" word' }],
    ['bearer', { realm: 'x', service: 'y' }],
  ]
  assert.deepEqual(parse(['Basic realm="a \\"quoted\\" word"', 'Bearer realm=x, service=y']), both)
  assert.deepEqual(parse('Basic realm="a \\"quoted\\" word", Bearer realm=x , service = "y"'), both)
})

test('what does not parse ends quietly', () => {
  assert.deepEqual(parse(''), [])
  assert.deepEqual(parse('='), [])
  assert.deepEqual(parse('realm="x"'), [])
  assert.deepEqual(parse('Basic'), [['basic', {}]])
  assert.deepEqual(parse('Bearer realm="never closed'), [['bearer', {}]])
  assert.deepEqual(parse(`Bearer realm="${'x'.repeat(20_000)}"`), [])
})
