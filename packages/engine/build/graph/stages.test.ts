import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseDockerfile } from '../dockerfile/parse-dockerfile.ts'
import { expansionBudget } from './fold.ts'
import { GlobalArgs } from './scope.ts'
import { StagePlan } from './stages.ts'

function planOf(text: string, given: Record<string, string> = {}): StagePlan {
  const dockerfile = parseDockerfile(text)
  const globals = new GlobalArgs(dockerfile, given, new Map([['TARGETOS', 'linux']]))
  return new StagePlan(dockerfile, globals, expansionBudget())
}

/** `index base platform` of what a target needs. */
function needed(text: string, target = '', given: Record<string, string> = {}): string[] {
  return planOf(text, given)
    .neededFor(target)
    .map(({ index, base, platform }) => `${index} ${base} ${platform}`.trim())
}

const FILE = [
  'ARG V=1',
  'FROM base:$V AS a',
  'FROM --platform=$TARGETOS/amd64 a AS b',
  'FROM busybox AS unused',
  'FROM busybox AS mounted',
  'FROM busybox AS d',
  'COPY --from=1 /x /',
  'RUN --mount=from=mounted,target=/m true',
].join('\n')

test('only the stages that a target needs, and those it copies or mounts from', () => {
  const given = { V: '2' }
  assert.deepEqual(needed(FILE, '', given), [
    '0 base:2',
    '1 0 linux/amd64',
    '3 busybox',
    '4 busybox',
  ])
  assert.deepEqual(needed(FILE, 'B', given), ['0 base:2', '1 0 linux/amd64'])
  // A target goes by its name alone.
  assert.throws(() => needed(FILE, '2'), /target stage "2" could not be found/)
})

test('triggers that a stage leaves need stages too', () => {
  const text = [
    'FROM x AS tool',
    'FROM x AS base',
    'ONBUILD COPY --from=tool /t /t',
    'ONBUILD RUN --mount=from=0 true',
    'FROM base',
  ].join('\n')
  assert.deepEqual(needed(text, 'base'), ['1 x'])
  assert.deepEqual(needed(text), ['0 x', '1 x', '2 1'])
})

test('a name used twice is the last before; what comes later is not needed', () => {
  const text =
    'FROM x AS a\nFROM y AS a\nFROM A AS c\nCOPY --from=a / /\nCOPY --from=z / /\nFROM q AS z'
  assert.deepEqual(needed(text, 'c'), ['1 y', '2 1'])
})

test('what --from names', () => {
  const plan = planOf('FROM x AS a\nFROM x AS own\nFROM x AS late')
  assert.equal(plan.source('A', 1), 0)
  assert.equal(plan.source('0', 1), 0)
  assert.equal(plan.source('busybox', 1), undefined)
  assert.throws(() => plan.source('own', 1), /circular dependency detected on stage: own$/)
  assert.throws(
    () => plan.source('late', 1),
    /cannot copy from stage "late", it needs to be defined before current stage "own"$/,
  )
  assert.throws(
    () => plan.source('1', 1),
    /invalid from flag value 1: refers to current build stage$/,
  )
  assert.throws(() => plan.source('7', 1), /invalid from flag value 7: index out of bounds$/)
})

const REFUSED: ReadonlyArray<[text: string, target: string, error: string]> = [
  ['FROM x AS build', 'biuld', 'target stage "biuld" could not be found (did you mean build?)'],
  ['FROM x', 'elsewhere', 'target stage "elsewhere" could not be found'],
  ['FROM $none', '', 'base name ($none) should not be blank'],
  ['FROM --platform=$none x', '', 'empty platform value from expression $none'],
  ['FROM ${x', '', 'failed to process "${x": unsupported modifier (\uFFFD) in substitution'],
  [
    `FROM x\n${'ENV A=1\n'.repeat(1000)}`,
    '',
    'a build of 1001 instructions is more than the 1000 supported',
  ],
]

for (const [text, target, message] of REFUSED)
  test(message, () => assert.throws(() => needed(text, target), { message }))
