import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseDockerfile } from '../parse-dockerfile.ts'
import { type FindOptions, findWarnings } from './find-warnings.ts'

const amd64 = { os: 'linux', architecture: 'amd64' }
const arm64 = { os: 'linux', architecture: 'arm64' }

const OPTIONS: FindOptions = {
  predefined: new Map([['TARGETPLATFORM', 'linux/amd64']]),
  buildArgs: new Map([['GIVEN', 'x']]),
  imageOf: (base) => {
    if (base === 'unknown') return undefined
    const platform = base === 'foreign' ? arm64 : amd64
    const env = new Map([['FROM_IMAGE', '1']])
    return { env, shellSet: base === 'bash', platform, expected: amd64 }
  },
}

function find(
  text: string,
  options: Partial<FindOptions> = {},
): { found: string[]; error: string } {
  const { warnings, error } = findWarnings(parseDockerfile(text), { ...OPTIONS, ...options })
  const found = warnings.map(({ rule, lines }) => `${rule} ${lines.start}`)
  return { found, error: error ? `${error.message} (${error.lines?.start})` : '' }
}

const CASES: readonly (readonly [text: string, found: string[], error?: string])[] = [
  ['FROM a\nENV X=$FROM_IMAGE$PATH\nRUN $none', []],
  [
    'FROM a\nENV X=$none Y=$X\nLABEL a=$Y$Z',
    ['UndefinedVar 2', 'UndefinedVar 2', 'UndefinedVar 3'],
  ],
  ['FROM a\nARG GIVEN\nARG UNSET\nENV X=$GIVEN$UNSET', []],
  ['ARG V=1\nFROM a:$V\nUSER $V', ['UndefinedVar 3']],
  ['ARG V=1\nFROM a:$V\nARG V\nUSER $V', []],
  ['FROM a AS b\nARG X\nWORKDIR /x\nFROM b\nWORKDIR y\nUSER $X', []],
  ['FROM bash\nCMD x', []],
  ['FROM a AS b\nSHELL ["x"]\nFROM b\nCMD x', []],
  ['FROM foreign', ['InvalidBaseImagePlatform 1']],
  ['FROM unknown\nUSER $FROM_IMAGE', ['UndefinedVar 2']],
  ['FROM a\nCOPY --chown=$x $y $z', ['UndefinedVar 2', 'UndefinedVar 2', 'UndefinedVar 2']],
  ['FROM a\nCOPY <<A <<"B" /\n$x\nA\n$y\nB', ['UndefinedVar 2']],
  ['FROM a\nRUN --mount=target=/$x true', ['UndefinedVar 2']],
  ['FROM a\nEXPOSE 1:2 80/TCP', ['ExposeInvalidFormat 2', 'ExposeProtoCasing 2']],
  [
    'FROM a\nUSER ${x',
    [],
    'failed to process "${x": unsupported modifier (\ufffd) in substitution (2)',
  ],
  [
    'FROM $x',
    ['InvalidDefaultArgInFrom 1', 'UndefinedArgInFrom 1'],
    'base name ($x) should not be blank (1)',
  ],
  ['FROM --platform=$x a', ['UndefinedArgInFrom 1'], 'empty platform value from expression $x (1)'],
]

for (const [text, found, error = ''] of CASES) {
  test(JSON.stringify(text), () => assert.deepEqual(find(text), { found, error }))
}

test('with a target only what it needs is looked at', () => {
  const text = 'FROM a AS b\nUSER $x\nFROM a AS c\nUSER $y\nFROM a AS d\nCOPY --from=b / /'
  assert.deepEqual(find(text).found, ['UndefinedVar 2', 'UndefinedVar 4'])
  assert.deepEqual(find(text, { target: 'd' }).found, ['UndefinedVar 2'])
  assert.equal(
    find(text, { target: 'x' }).error,
    'target stage "x" could not be found (did you mean b?) (undefined)',
  )
})

test('sources that .dockerignore leaves out', () => {
  const ignore = { hasExceptions: false, patterns: [], matches: (path: string) => path === 'out' }
  const text = 'FROM a AS b\nCOPY out in /\nADD https://x/out out /\nCOPY --from=b out /'
  assert.deepEqual(find(text, { ignore }).found, ['CopyIgnoredFile 2', 'CopyIgnoredFile 3'])
})

test('variables that double and double are stopped, and so are thousands of long ones', () => {
  const doubled = `FROM a\nENV A=0123456789\n${'ENV A=$A$A\n'.repeat(100)}`
  assert.match(find(doubled).error, /expansion of variables is too long/)
  const many = Array.from({ length: 5000 }, (_, n) => `ENV B${n}=$A.\n`)
  const long = `FROM a\nENV A=0123456789\n${'ENV A=$A$A\n'.repeat(16)}${many.join('')}`
  assert.match(find(long).error, /expansion of variables is too long/)
})
