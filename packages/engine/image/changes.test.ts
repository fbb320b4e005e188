import assert from 'node:assert/strict'
import { test } from 'node:test'
import { applyChanges } from './changes.ts'

type Config = Parameters<typeof applyChanges>[0]

const cases: Array<[changes: string[], expected: Config, from?: Config]> = [
  [['CMD ["a","b"]'], { Cmd: ['a', 'b'] }],
  [['cmd echo $HOME'], { Cmd: ['/bin/sh', '-c', 'echo $HOME'] }],
  [['CMD [not json'], { Cmd: ['/bin/sh', '-c', '[not json'] }],
  [['ENTRYPOINT ["e"]'], { Entrypoint: ['e'] }, { Cmd: ['old'] }],
  [['ENV A=1 B="2 3" C=\'$x\' D=a\\ b'], { Env: ['A=1', 'B=2 3', 'C=$x', 'D=a b'] }],
  [['ENV KEY the whole rest'], { Env: ['KEY=the whole rest'] }],
  [['ENV A=2'], { Env: ['A=2', 'B=1'] }, { Env: ['A=1', 'B=1'] }],
  [['LABEL a=b "c d"=e'], { Labels: { x: 'y', a: 'b', 'c d': 'e' } }, { Labels: { x: 'y' } }],
  [['WORKDIR /a', 'WORKDIR b/../c'], { WorkingDir: '/a/c' }],
  [['USER 1000:1000'], { User: '1000:1000' }],
  [
    ['EXPOSE 80 443/tcp 53/UDP 8000-8002'],
    {
      ExposedPorts: {
        '80/tcp': {},
        '443/tcp': {},
        '53/udp': {},
        '8000/tcp': {},
        '8001/tcp': {},
        '8002/tcp': {},
      },
    },
  ],
  [['CMD x', 'ENTRYPOINT y'], { Cmd: ['/bin/sh', '-c', 'x'], Entrypoint: ['/bin/sh', '-c', 'y'] }],
  [
    ['ENV B=$A/${A} C="${N:-none}${A:+some}" D=\\$A', "LABEL l='$A'"],
    { Env: ['A=1', 'B=1/1', 'C=nonesome', 'D=$A'], Labels: { l: '$A' } },
    { Env: ['A=1'] },
  ],
  [
    ['USER a b', 'EXPOSE $P'],
    { User: 'a b', Env: ['P=1 2'], ExposedPorts: { '1/tcp': {}, '2/tcp': {} } },
    { Env: ['P=1 2'] },
  ],
  [['# a comment', 'CMD'], { Cmd: ['/bin/sh', '-c'] }],
  [['VOLUME /a /b'], { Volumes: { '/a': {}, '/b': {} } }],
  [['VOLUME ["/c d"]'], { Volumes: { '/c d': {} } }],
  [['STOPSIGNAL SIGQUIT'], { StopSignal: 'SIGQUIT' }],
  [['ONBUILD RUN x', 'ONBUILD COPY a b'], { OnBuild: ['RUN x', 'COPY a b'] }],
  [['HEALTHCHECK NONE'], { Healthcheck: { Test: ['NONE'] } }],
  [
    ['HEALTHCHECK --interval=1m30s --timeout=5s --retries=2 CMD curl -f x'],
    { Healthcheck: { Test: ['CMD-SHELL', 'curl -f x'], Interval: 90e9, Timeout: 5e9, Retries: 2 } },
  ],
  [['HEALTHCHECK CMD ["true"]'], { Healthcheck: { Test: ['CMD', 'true'] } }],
  [['', '   '], {}],
]

for (const [changes, expected, from = {}] of cases) {
  test(changes.join(' / '), () => {
    const before = structuredClone(from)
    assert.deepEqual(applyChanges(from, changes), expected)
    assert.deepEqual(from, before)
  })
}

const refused: Array<[string, RegExp]> = [
  ['RUN true', /^RUN is not a valid change command$/],
  ['FROM x', /is not a valid change command/],
  ['__proto__ x', /is not a valid change command/],
  ['constructor x', /is not a valid change command/],
  ['ENV', /ENV requires at least one argument/],
  ['USER', /USER requires exactly one argument/],
  ['STOPSIGNAL NONE', /invalid signal: NONE/],
  ['EXPOSE 1/x', /invalid proto: x/],
  ['HEALTHCHECK CMD', /Missing command after HEALTHCHECK CMD/],
  ['HEALTHCHECK --retries=-1 CMD x', /--retries cannot be negative \(-1\)/],
  ['LABEL a="b', /matching double-quote/],
  ['ENV alone', /ENV must have two arguments/],
  ['ENV a=b c', /can't find = in "c"/],
  ['ENV =x', /names can not be blank/],
  ['EXPOSE http', /invalid containerPort: http/],
  ['EXPOSE 70000', /invalid containerPort: 70000/],
  ['EXPOSE 2-1', /invalid containerPort: 2-1/],
  ['HEALTHCHECK', /requires at least one argument/],
  ['HEALTHCHECK maybe', /Unknown type "MAYBE" in HEALTHCHECK/],
  ['HEALTHCHECK --interval=soon CMD x', /invalid duration "soon"/],
  ['HEALTHCHECK --nosuch=1 CMD x', /unknown flag: --nosuch/],
]

for (const [change, message] of refused) {
  test(`${change} is refused`, () => {
    assert.throws(() => applyChanges({}, [change]), { kind: 'invalidParameter', message })
  })
}
