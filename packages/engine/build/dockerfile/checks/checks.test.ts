import assert from 'node:assert/strict'
import { test } from 'node:test'
import { globalArgs } from '../global-args.ts'
import type { Dockerfile, Warning } from '../instruction.ts'
import { parseDockerfile } from '../parse-dockerfile.ts'
import { expandWord } from '../words.ts'
import { parseCheckOptions } from './options.ts'
import { reportTo, violations } from './report.ts'
import { DETAILS, RULES } from './rules.ts'
import { checkIgnored, checkInstruction, newStage } from './stage-checks.ts'
import {
  checkBaseImagePlatform,
  checkDefaultBases,
  checkFromArgs,
  checkPlatform,
  checkUndefined,
} from './variable-checks.ts'

const PREDEFINED = new Map([['TARGETPLATFORM', 'linux/amd64']])

/** `Rule (line): detail` of all that is found in a file, its stages built one after the other. */
function findings(text: string, shellSet = false): string[] {
  const file = parseDockerfile(text)
  checkDefaultBases(file, PREDEFINED, reportTo(file.warnings, file.check))
  for (const stage of file.stages) checkStage(file, stage, shellSet)
  return file.warnings.map(({ rule, lines, detail }) => `${rule} (${lines.start}): ${detail}`)
}

function checkStage(file: Dockerfile, stage: Dockerfile['stages'][0], shellSet: boolean): void {
  const global = globalArgs(file, PREDEFINED, new Map())
  const report = reportTo(file.warnings, file.check, stage.check)
  const base = expandWord(stage.base, global.env, file.escape)
  checkFromArgs(base.unmatched, global, stage.lines, report)
  if (stage.platform !== '') {
    const platform = expandWord(stage.platform, global.env, file.escape)
    checkPlatform(stage, platform, global.env, report)
  }
  const soFar = newStage()
  for (const instruction of stage.instructions) {
    const { check } = instruction
    checkInstruction(instruction, soFar, shellSet, reportTo(file.warnings, file.check, check))
  }
}

const FOUND: readonly (readonly [text: string, ...findings: string[]])[] = [
  ['FROM a AS b\nRUN x\nCMD ["x"]'],
  ['FROM a AS Bc', "StageNameCasing (1): Stage name 'Bc' should be lowercase"],
  ['FROM a as b', "FromAsCasing (1): 'as' and 'FROM' keywords' casing do not match"],
  ['from a AS b', "FromAsCasing (1): 'AS' and 'from' keywords' casing do not match"],
  ['FROM a\nRUN x \\\n\n y', 'NoEmptyContinuation (4): Empty continuation line'],
  [
    'FROM a\nRun x\nRUN y',
    "ConsistentInstructionCasing (2): Command 'Run' should match the case of the command majority (uppercase)",
  ],
  [
    'from a\nrun x\nRUN y',
    "ConsistentInstructionCasing (3): Command 'RUN' should match the case of the command majority (lowercase)",
  ],
  [
    'FROM a AS b\nFROM a AS b',
    'DuplicateStageName (2): Duplicate stage name "b", stage names should be unique',
  ],
  [
    'FROM a AS scratch',
    'ReservedStageName (1): Stage name should not use the same name as reserved stage "scratch"',
  ],
  [
    'FROM a\nCMD x',
    'JSONArgsRecommended (2): JSON arguments recommended for CMD to prevent unintended behavior related to OS signals',
  ],
  [
    'FROM a\nMAINTAINER x',
    'MaintainerDeprecated (2): Maintainer instruction is deprecated in favor of using label',
  ],
  [
    'ARG VERSION=1\nFROM a:${VERSIN}',
    'InvalidDefaultArgInFrom (2): Default value for ARG a:${VERSIN} results in empty or invalid base image name',
    "UndefinedArgInFrom (2): FROM argument 'VERSIN' is not declared (did you mean VERSION?)",
  ],
  [
    'ARG V\nFROM a:$V',
    'InvalidDefaultArgInFrom (2): Default value for ARG a:$V results in empty or invalid base image name',
  ],
  [
    'FROM a\nWORKDIR x\nWORKDIR y\nWORKDIR /z',
    'WorkdirRelativePath (2): Relative workdir "x" can have unexpected results if the base image changes',
  ],
  ['FROM a\nWORKDIR /x\nWORKDIR y'],
  [
    'FROM a\nCMD ["x"]\nENTRYPOINT ["y"]\nCMD ["z"]\nHEALTHCHECK NONE\nHEALTHCHECK CMD x',
    'MultipleInstructionsDisallowed (2): Multiple CMD instructions should not be used in the same stage because only the last one will be used',
    'MultipleInstructionsDisallowed (5): Multiple HEALTHCHECK instructions should not be used in the same stage because only the last one will be used',
  ],
  [
    'FROM a\nENV a b\nLABEL c d',
    'LegacyKeyValueFormat (2): "ENV key=value" should be used instead of legacy "ENV key value" format',
    'LegacyKeyValueFormat (3): "LABEL key=value" should be used instead of legacy "LABEL key value" format',
  ],
  [
    'FROM --platform=$TARGETPLATFORM a',
    'RedundantTargetPlatform (1): Setting platform to predefined $TARGETPLATFORM in FROM is redundant as this is the default behavior',
  ],
  [
    'FROM --platform=linux/arm64 a AS b',
    'FromPlatformFlagConstDisallowed (1): FROM --platform flag should not use constant value "linux/arm64"',
  ],
  ['FROM --platform=linux/arm64 a AS on-arm64'],
  [
    'FROM a\nARG API_TOKEN password=x\nENV secret_message=1 TOKEN_FILE=/x keyboard=us',
    'SecretsUsedInArgOrEnv (2): Do not use ARG or ENV instructions for sensitive data (ARG "API_TOKEN")',
    'SecretsUsedInArgOrEnv (2): Do not use ARG or ENV instructions for sensitive data (ARG "password")',
    'SecretsUsedInArgOrEnv (3): Do not use ARG or ENV instructions for sensitive data (ENV "secret_message")',
  ],
  ['# about b\nFROM a AS b'],
  [
    '# check=experimental=all\n# about b\nFROM a AS b\n# x\nARG y z',
    'InvalidDefinitionDescription (3): Comment for FROM should follow the format: `# b <description>`',
    'InvalidDefinitionDescription (5): Comment for ARG should follow the format: `# <arg_key> <description>`',
  ],
  ['# check=skip=all\nFROM a AS B'],
  ['# check=skip=Other,StageNameCasing\nFROM a AS B'],
  [
    'FROM a\n# check=skip=JSONArgsRecommended\nCMD x\nENTRYPOINT y',
    'JSONArgsRecommended (4): JSON arguments recommended for ENTRYPOINT to prevent unintended behavior related to OS signals',
  ],
]

for (const [text, ...expected] of FOUND) {
  test(`finds in ${JSON.stringify(text)}`, () => assert.deepEqual(findings(text), expected))
}

test('with a shell of its own the shell form is meant', () => {
  assert.deepEqual(findings('FROM a\nCMD x', true), [])
})

const lines = { start: 2, end: 2 }

function reported(check: (report: ReturnType<typeof reportTo>) => void): string[] {
  const warnings: Warning[] = []
  check(reportTo(warnings, parseCheckOptions('')))
  return warnings.map(({ detail }) => detail)
}

test('UndefinedVar, unless the stage declares it', () => {
  const env = new Map([['PATH', '/bin']])
  const check = (...names: string[]): string[] =>
    reported((report) => checkUndefined(names, new Set(['declared']), env, lines, report))
  assert.deepEqual(check('PAHT', 'x', 'declared', 'BUILDKIT_SBOM_SCAN_STAGE'), [
    "Usage of undefined variable '$PAHT' (did you mean $PATH?)",
    "Usage of undefined variable '$x'",
  ])
})

test('InvalidBaseImagePlatform', () => {
  const amd64 = { os: 'linux', architecture: 'amd64' }
  const arm64 = { os: 'linux', architecture: 'arm64' }
  assert.deepEqual(
    reported((report) => checkBaseImagePlatform('a', amd64, arm64, lines, report)),
    [
      'Base image a was pulled with platform "linux/arm64", expected "linux/amd64" for current build',
    ],
  )
  assert.deepEqual(
    reported((report) => checkBaseImagePlatform('a', amd64, amd64, lines, report)),
    [],
  )
})

test('CopyIgnoredFile: not the root, and not where there are exceptions', () => {
  const rules = (pattern: string, hasExceptions = false) => ({
    hasExceptions,
    patterns: [{ text: pattern }],
    matches: () => true,
  })
  const check = (source: string, ignore: ReturnType<typeof rules> | undefined): string[] =>
    reported((report) => checkIgnored('add', source, ignore, lines, report))
  assert.deepEqual(check('./a/', rules('a')), [
    'Attempting to Add file "a" that is excluded by .dockerignore',
  ])
  assert.deepEqual(check('a', rules('a', true)), [])
  assert.deepEqual(check('a', undefined), [])
  assert.deepEqual(check('.', rules('a')), [])
  assert.equal(check('.', rules('**')).length, 1)
})

test('options: what they say, and what is none', () => {
  assert.partialDeepStrictEqual(parseCheckOptions(' skip = A, B ;error=1;experimental=C'), {
    skip: ['A', 'B'],
    error: true,
    experimental: ['C'],
    skipAll: false,
  })
  assert.equal(parseCheckOptions('skip=all').skipAll, true)
  const fails = (text: string, message: string): void =>
    assert.throws(() => parseCheckOptions(text), { message })
  fails('skip', 'invalid check option "skip"')
  fails('foo=1', 'invalid check option "foo"')
  fails(
    'error=maybe',
    'failed to parse check option "error=maybe": strconv.ParseBool: parsing "maybe": invalid syntax',
  )
})

test('error=true makes findings an error', () => {
  const { warnings } = parseDockerfile('FROM a AS B\nFROM a AS B\nMAINTAINER x')
  assert.equal(
    violations(warnings),
    'lint violation found for rules: StageNameCasing, MaintainerDeprecated, DuplicateStageName',
  )
  assert.equal(violations([]), undefined)
})

test('every rule has its sentence and, but one, its page', () => {
  assert.deepEqual(Object.keys(RULES), Object.keys(DETAILS))
  const without = Object.entries(RULES).filter(([, { url }]) => url === '')
  assert.deepEqual(
    without.map(([name]) => name),
    ['InvalidBaseImagePlatform'],
  )
})
