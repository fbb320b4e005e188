import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseDockerfile } from '../dockerfile/parse-dockerfile.ts'
import { StageFold } from './fold.ts'
import type { Operation } from './operation.ts'
import { GlobalArgs, platformArgs } from './scope.ts'
import { planStages } from './stages.ts'

const host = { os: 'linux', architecture: 'amd64' }

function folded(text: string, given: Record<string, string | null> = {}): Operation[] {
  const dockerfile = parseDockerfile(text)
  const globals = new GlobalArgs(given, platformArgs(host, host, 'default'))
  for (const { key, value } of dockerfile.args.flatMap(({ args }) => args))
    globals.declare(key, value)
  const fold = new StageFold({ config: { Env: ['BASE=1'] }, globals, escape: dockerfile.escape })
  return dockerfile.stages.at(-1)!.instructions.map((instruction) => fold.fold(instruction))
}

const said = (operations: readonly Operation[]): string[] =>
  operations.map(({ createdBy }) => createdBy.join(' '))

test('history is worded as moby words it', () => {
  const operations = folded(
    [
      'FROM x',
      'MAINTAINER me',
      'ENV A=1 B="$BASE two"',
      'LABEL l="a b"',
      'ARG C=$A',
      'USER $C',
      'WORKDIR sub',
      'EXPOSE 80 90-91/udp',
      'VOLUME /a /b',
      'STOPSIGNAL SIGINT',
      'SHELL ["/bin/ash", "-c"]',
      'ENTRYPOINT ["e", "\\"q\\""]',
      'CMD echo hi',
      'HEALTHCHECK --interval=90s CMD true',
      'ONBUILD RUN x',
      'RUN run it',
      'RUN ["exec", "form"]',
    ].join('\n'),
  )
  assert.deepEqual(said(operations), [
    '/bin/sh -c #(nop)  MAINTAINER me',
    '/bin/sh -c #(nop)  ENV A=1 B=1 two',
    '/bin/sh -c #(nop)  LABEL l=a b',
    '/bin/sh -c #(nop)  ARG C=1',
    '/bin/sh -c #(nop)  USER 1',
    '/bin/sh -c #(nop) WORKDIR /sub',
    '/bin/sh -c #(nop)  EXPOSE 80 90-91/udp',
    '/bin/sh -c #(nop)  VOLUME [/a /b]',
    '/bin/sh -c #(nop)  STOPSIGNAL SIGINT',
    '/bin/ash -c #(nop)  SHELL [/bin/ash -c]',
    '/bin/ash -c #(nop)  ENTRYPOINT ["e" "\\"q\\""]',
    '/bin/ash -c #(nop)  CMD ["/bin/ash" "-c" "echo hi"]',
    '/bin/ash -c #(nop)  HEALTHCHECK &{Test:[CMD-SHELL true] Interval:1m30s Timeout:0s StartPeriod:0s StartInterval:0s Retries:0}',
    '/bin/ash -c #(nop)  ONBUILD RUN x',
    '|1 C=1 /bin/ash -c run it',
    '|1 C=1 exec form',
  ])
  const { config } = operations.at(-1)!
  assert.deepEqual(config.Env, ['BASE=1', 'A=1', 'B=1 two'])
  assert.deepEqual(Object.keys(config.ExposedPorts ?? {}), ['80/tcp', '90/udp', '91/udp'])
  assert.deepEqual(config.OnBuild, ['RUN x'])
})

test('an entrypoint drops the inherited command, not the stage’s own', () => {
  const [first] = folded('FROM x\nENTRYPOINT ["e"]\n')
  assert.equal(first!.config.Cmd, undefined)
  const [, second] = folded('FROM x\nCMD ["c"]\nENTRYPOINT ["e"]\n')
  assert.deepEqual(second!.config.Cmd, ['c'])
})

test('one instruction sees the variables as they were before it', () => {
  const [, second] = folded('FROM x\nENV A=old\nENV A=new B=$A\n')
  assert.ok(second!.config.Env?.includes('B=old'))
})

test('proxies are in the process, not in the history', () => {
  const [run] = folded('FROM x\nRUN x\n', { HTTP_PROXY: 'http://u:p@h' })
  assert.equal(run!.kind, 'run')
  assert.deepEqual(run!.kind === 'run' && run!.hiddenEnv, ['HTTP_PROXY=http://u:p@h'])
  assert.deepEqual(run!.createdBy, ['/bin/sh', '-c', 'x'])
})

test('heredocs: a script, a script with an interpreter, several of them', () => {
  const [script, own, several] = folded(
    'FROM x\nRUN <<EOF\na\nb\nEOF\nRUN <<-"EOF"\n\t#!/usr/bin/env x\n\tc\nEOF\nRUN cat <<A - <<B\n1\nA\n2\nB\n',
  )
  assert.deepEqual(script!.kind === 'run' && script!.command, ['/bin/sh', '-c', 'a\nb\n'])
  assert.deepEqual(own!.kind === 'run' && own!.script, {
    name: 'EOF',
    data: '#!/usr/bin/env x\nc\n',
  })
  assert.deepEqual(several!.kind === 'run' && several!.command.at(-1), 'cat <<A - <<B\n1\nA\n2\nB')
})

test('only the stages that a target needs, and those it copies or mounts from', () => {
  const dockerfile = parseDockerfile(
    [
      'ARG V=1',
      'FROM base:$V AS a',
      'FROM a AS b',
      'FROM busybox AS unused',
      'FROM busybox AS mounted',
      'FROM busybox AS d',
      'COPY --from=1 /x /',
      'RUN --mount=from=mounted,target=/m true',
    ].join('\n'),
  )
  const globals = new GlobalArgs({ V: '2' }, new Map())
  globals.declare('V', '1')
  const of = (target: string): Array<[number, string | number]> =>
    planStages(dockerfile, globals, target).map(({ index, base }) => [index, base])
  assert.deepEqual(of(''), [
    [0, 'base:2'],
    [1, 0],
    [3, 'busybox'],
    [4, 'busybox'],
  ])
  assert.deepEqual(of('b'), [
    [0, 'base:2'],
    [1, 0],
  ])
  assert.throws(() => of('nope'), /target stage "nope" could not be found/)
})
