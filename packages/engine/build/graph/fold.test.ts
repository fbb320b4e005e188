import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseDockerfile } from '../dockerfile/parse-dockerfile.ts'
import { StageFold, expansionBudget } from './fold.ts'
import type { Operation } from './operation.ts'
import { GlobalArgs, platformArgs } from './scope.ts'

const host = { os: 'linux', architecture: 'amd64' }

function folded(text: string, given: Record<string, string | null> = {}): Operation[] {
  const dockerfile = parseDockerfile(text)
  const { escape } = dockerfile
  const globals = new GlobalArgs(dockerfile, given, platformArgs(host, host, ''))
  let args: ReadonlyMap<string, string> = new Map()
  let config = { Env: ['BASE=1'] }
  const operations = dockerfile.stages.map((stage) => {
    const fold = new StageFold({ config, globals, escape, budget: expansionBudget(), args })
    const made = stage.instructions.map((instruction) => fold.fold(instruction))
    args = fold.args
    config = fold.config as typeof config
    return made
  })
  return operations.at(-1)!
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
  assert.deepEqual(run!.kind === 'run' && run!.hiddenEnv, [
    'http_proxy=http://u:p@h',
    'HTTP_PROXY=http://u:p@h',
  ])
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

test('of ENV and ARG the later one counts; a stage has the ARGs of the one it begins with', () => {
  const env = (text: string): unknown =>
    folded(text, { GIVEN: 'g' }).flatMap((each) => (each.kind === 'run' ? [each.env] : []))
  assert.deepEqual(env('FROM x\nARG A=1\nENV A=2\nRUN x'), [[]])
  assert.deepEqual(env('FROM x\nENV A=2\nARG A=1\nRUN x'), [['A=1']])
  assert.deepEqual(env('FROM x AS b\nARG A=1 GIVEN UNSET\nFROM b\nRUN x\nARG A=2\nRUN x'), [
    ['A=1', 'GIVEN=g'],
    ['A=2', 'GIVEN=g'],
  ])
  assert.deepEqual(env('ARG TOP=t\nFROM x\nRUN x\nARG TOP TARGETARCH TARGETSTAGE\nRUN x'), [
    [],
    ['TARGETARCH=amd64', 'TARGETSTAGE=default', 'TOP=t'],
  ])
  assert.deepEqual(env('FROM x\nARG BUILDKIT_SBOM_SCAN_STAGE=1\nRUN x'), [[]])
})

test('what the user says of platforms counts also before FROM', () => {
  const dockerfile = parseDockerfile('ARG A=$TARGETARCH\nFROM x:$A')
  const given = { TARGETARCH: 'mips', OTHER: 'x', HTTP_PROXY: '', BUILDKIT_INLINE_CACHE: '1' }
  const globals = new GlobalArgs(dockerfile, given, platformArgs(host, host, 'a'))
  assert.equal(globals.environment().get('A'), 'mips')
  assert.equal(globals.environment().get('TARGETSTAGE'), 'a')
  assert.deepEqual(globals.unused(), ['OTHER'])
})

test('arguments of the builder itself', () => {
  const [run] = folded('FROM x\nRUN true', { BUILDKIT_SANDBOX_HOSTNAME: 'h' })
  assert.ok(run?.kind === 'run')
  assert.equal(run.hostname, 'h')
})

test('COPY and ADD as data', () => {
  const [copy, add] = folded(
    [
      'FROM x',
      'COPY --from=0 --chown=$BASE --chmod=6$BASE --link --parents --exclude=*.$BASE a$BASE <<A <<"B" d/',
      '$BASE',
      'A',
      '$BASE',
      'B',
      'ADD --checksum=sha256:$BASE --unpack=true https://h/$BASE .',
    ].join('\n'),
  )
  const { config: _1, author: _2, ...copied } = copy!
  assert.deepEqual(copied, {
    kind: 'copy',
    createdBy: ['/bin/sh', '-c'],
    instruction: 'COPY',
    from: '0',
    sources: ['a1'],
    files: [
      { name: 'A', data: '1\n' },
      { name: 'B', data: '$BASE\n' },
    ],
    destination: 'd/',
    workingDir: '/',
    chown: '1',
    chmod: '61',
    // As in BuildKit: what it leaves out is taken as it is written.
    exclude: ['*.$BASE'],
    parents: true,
    link: true,
    checksum: '',
    unpack: false,
  })
  assert.ok(add?.kind === 'copy')
  assert.deepEqual(
    [add.sources, add.checksum, add.unpack, add.from],
    [['https://h/1'], 'sha256:1', true, ''],
  )
})

const REFUSED: ReadonlyArray<[text: string, error: RegExp]> = [
  ['COPY --from=$BASE a b', /EngineError: variable expansion is not supported for --from, define/],
  ['EXPOSE 80/x', /invalid proto/],
  ['EXPOSE 70000', /invalid containerPort: 70000/],
  ['STOPSIGNAL NOPE', /[Ii]nvalid signal: NOPE/],
  ['RUN --security=insecure x', /security\.insecure is not allowed/],
  ['RUN --device=a,required x', /required device "a" is not registered/],
  ['RUN --mount=type=nope,target=/x x', /unsupported mount type "nope"/],
  ['USER ${x', /failed to process "\$\{x"/],
  ['VOLUME $none', /VOLUME specified can not be an empty string/],
  [
    `ENV A=${'x'.repeat(60_000)}\n${'ENV A=$A$A\n'.repeat(10)}`,
    /expansion of variables is too long|larger than 4 MiB/,
  ],
]

for (const [text, error] of REFUSED) {
  test(`refused: ${text.slice(0, 60)}`, () => {
    assert.throws(
      () => folded(`FROM x\n${text}`),
      (thrown: Error) => error.test(String(thrown)),
    )
  })
}
