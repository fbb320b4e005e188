import assert from 'node:assert/strict'
import { test } from 'node:test'
import { globalArgs } from './global-args.ts'
import { parseDockerfile } from './parse-dockerfile.ts'

const file = parseDockerfile('ARG a=1 b\nARG c=$a-$P\nARG a=${a}2\nFROM x')
const predefined = new Map([['P', 'linux']])

test('defaults may use what came before', () => {
  const { env, declared } = globalArgs(file, predefined, new Map())
  assert.deepEqual(
    [...env],
    [
      ['P', 'linux'],
      ['a', '12'],
      ['c', '1-linux'],
    ],
  )
  assert.deepEqual([...declared.keys()], ['a', 'b', 'c'])
  assert.deepEqual([...declared.get('c')!.uses], ['a', 'P'])
  assert.equal(declared.get('b')!.value, undefined)
  assert.deepEqual(declared.get('a')!.lines, { start: 3, end: 3 })
})

test('build arguments win, and the default is not even read', () => {
  const given = new Map([
    ['a', 'x'],
    ['d', 'not declared'],
  ])
  const { env } = globalArgs(parseDockerfile('ARG a=${b?no}\nFROM x'), predefined, given)
  assert.deepEqual([...env.keys()], ['P', 'a'])
  assert.throws(
    () => globalArgs(parseDockerfile('ARG a=${b?no}\nFROM x'), predefined, new Map()),
    /^DockerfileError: failed to process "\${b\?no}": b: no$/,
  )
})
