import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatOutline, formatTargets, outlineOf, targetsOf } from './outline.ts'
import { parseDockerfile } from './parse-dockerfile.ts'

const file = parseDockerfile(`# MAJOR first number
ARG MAJOR=1
ARG VERSION=$MAJOR.2
ARG UNUSED=x
# base what all build on
FROM debian:$VERSION AS base
# PORT where it listens
ARG PORT=80 PORTS=$PORT,81
RUN --mount=type=secret,id=token,required true
FROM alpine AS other
ARG NEVER=1
RUN --mount=type=secret,id=hidden true
FROM scratch AS tool
RUN --mount=type=ssh --mount=type=ssh,id=$MAJOR true
# final the image
FROM base AS final
ARG MAJOR
ARG MODE
COPY --from=tool /a /b
FROM final
`)

const predefined = new Map([['TARGETPLATFORM', 'linux/amd64']])
const outline = (target: string, buildArgs: [string, string][] = []) =>
  outlineOf(file, { target, predefined, buildArgs: new Map(buildArgs) })

test('targets', () => {
  const targets = targetsOf(file)
  assert.deepEqual(
    targets.map(({ name, default: last, base }) => [name, last, base]),
    [
      ['base', false, 'debian:$VERSION'],
      ['other', false, 'alpine'],
      ['tool', false, 'scratch'],
      ['final', false, 'base'],
      ['', true, 'final'],
    ],
  )
  assert.equal(
    formatTargets(targets),
    `TARGET    DESCRIPTION
base      what all build on
other     
tool      
final     the image
(default) 
`,
  )
})

test('what a target and the stages it needs take', () => {
  const { name, description, args, secrets, ssh } = outline('FINAL')
  assert.deepEqual([name, description], ['final', 'the image'])
  assert.deepEqual(
    args.map((arg) => [arg.name, arg.value, arg.description, arg.lines.start]),
    [
      ['MAJOR', '1', 'first number', 2],
      ['VERSION', '1.2', '', 3],
      ['PORT', '80', 'where it listens', 8],
      ['PORTS', '80,81', '', 8],
      ['MODE', '', '', 18],
    ],
  )
  assert.deepEqual(secrets, [{ name: 'token', required: true, lines: { start: 9, end: 9 } }])
  assert.deepEqual(ssh, [{ name: 'default', required: false, lines: { start: 14, end: 14 } }])
})

test('build arguments', () => {
  const { args } = outline('base', [
    ['PORT', '8080'],
    ['VERSION', '9'],
  ])
  assert.deepEqual(
    args.map((arg) => [arg.name, arg.value]),
    [
      ['VERSION', '9'],
      ['PORT', '8080'],
      ['PORTS', '8080,81'],
    ],
  )
})

test('a target that is not there', () => {
  assert.throws(() => outline('finl'), {
    message: 'target stage "finl" could not be found (did you mean final?)',
  })
})

test('as text', () => {
  assert.equal(
    formatOutline(outline('base')),
    `TARGET:      base
DESCRIPTION: what all build on

BUILD ARG   VALUE   DESCRIPTION
MAJOR       1       first number
VERSION     1.2     
PORT        80      where it listens
PORTS       80,81   

SECRET   REQUIRED
token    true

`,
  )
  assert.equal(
    formatOutline(outlineOf(parseDockerfile('FROM a'), { predefined, buildArgs: predefined })),
    '',
  )
})
