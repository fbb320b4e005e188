import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DockerfileError, type Instruction, type Lines } from './instruction.ts'
import { parseDockerfile, parseTrigger } from './parse-dockerfile.ts'

/** The instruction on the second line of a file whose first is `FROM a`. */
function only(text: string): Instruction {
  const { instructions } = parseDockerfile(`FROM a\n${text}\n`).stages[0]!
  assert.equal(instructions.length, 1)
  return instructions[0]!
}

function fails(text: string, message: string, lines?: Lines): void {
  assert.throws(
    () => parseDockerfile(text),
    (error: DockerfileError) => {
      assert.equal(error.message, message)
      if (lines) assert.deepEqual(error.lines, lines)
      return error instanceof DockerfileError
    },
  )
}

const INSTRUCTIONS: readonly (readonly [text: string, expected: object])[] = [
  ['RUN a b', { kind: 'run', command: { words: ['a b'], shell: true, files: [] } }],
  ['run ["a", "b c"]', { name: 'run', command: { words: ['a', 'b c'], shell: false, files: [] } }],
  ['RUN [a, b]', { command: { words: ['[a, b]'], shell: true, files: [] } }],
  ['RUN []', { command: { words: [], shell: false, files: [] } }],
  [
    "RUN --mount=type=cache,target=/c --mount='target=/b' --network=none --security=insecure x",
    { mounts: ['type=cache,target=/c', 'target=/b'], network: 'none', security: 'insecure' },
  ],
  [
    'RUN --device=v/d,required --device=name=x d',
    {
      devices: [
        { name: 'v/d', required: true },
        { name: 'x', required: false },
      ],
    },
  ],
  ['RUN -- --x', { command: { words: ['--x'], shell: true, files: [] } }],
  ['RUN a \\\n  b', { command: { words: ['a   b'], shell: true, files: [] }, source: 'RUN a   b' }],
  ['RUN a \\\n# no\n b', { lines: { start: 2, end: 4 }, source: 'RUN a  b' }],
  [
    'RUN <<EOF\nx\n$y\nEOF',
    {
      command: {
        words: ['<<EOF'],
        shell: true,
        files: [{ name: 'EOF', data: 'x\n$y\n', chomp: false }],
      },
      lines: { start: 2, end: 5 },
    },
  ],
  [
    'RUN cat <<A 3<<-"B C"\n1\nA\n\t2\n\tB C',
    {
      command: {
        words: ['cat <<A 3<<-"B C"'],
        shell: true,
        files: [
          { name: 'A', data: '1\n', chomp: false },
          { name: 'B C', data: '\t2\n', chomp: true },
        ],
      },
    },
  ],
  [
    'COPY a b /c/',
    {
      kind: 'copy',
      sources: ['a', 'b'],
      destination: '/c/',
      files: [],
      from: '',
      chown: '',
      chmod: '',
      link: false,
      parents: false,
      exclude: [],
    },
  ],
  [
    'COPY --from=x --chown=1:2 --chmod=u+x --link --parents=true --exclude=*.a --exclude=b c d',
    { from: 'x', chown: '1:2', chmod: 'u+x', link: true, parents: true, exclude: ['*.a', 'b'] },
  ],
  ['COPY ["a b", "c"]', { sources: ['a b'], destination: 'c' }],
  [
    `COPY <<A <<-'B' x /d/\n$a\nA\n\tb\n\tB`,
    {
      sources: ['x'],
      files: [
        { name: 'A', data: '$a\n', expand: true },
        { name: 'B', data: 'b\n', expand: false },
      ],
    },
  ],
  ['ADD a b', { kind: 'add', checksum: '', sources: ['a'] }],
  [
    'ADD --checksum=sha256:1 --keep-git-dir --unpack=false https://a b',
    { checksum: 'sha256:1', keepGitDir: true, unpack: false },
  ],
  ['ENV a b  c', { kind: 'env', pairs: [{ key: 'a', value: 'b  c', legacy: true }] }],
  [
    'ENV a=1 b="2 3" c=4\\ 5',
    {
      pairs: [
        { key: 'a', value: '1' },
        { key: 'b', value: '"2 3"' },
        { key: 'c', value: '4\\ 5' },
      ],
    },
  ],
  ['LABEL "a b"=c', { kind: 'label', pairs: [{ key: '"a b"', value: 'c' }] }],
  [
    '# a what it is\nARG a b= c=d',
    {
      kind: 'arg',
      args: [
        { key: 'a', description: 'what it is' },
        { key: 'b', value: '', description: '' },
        { key: 'c', value: 'd', description: '' },
      ],
    },
  ],
  ['CMD ["a"]', { kind: 'cmd', command: { words: ['a'], shell: false, files: [] } }],
  ['ENTRYPOINT a b', { kind: 'entrypoint', command: { words: ['a b'], shell: true, files: [] } }],
  ['EXPOSE 80 443/udp 22', { kind: 'expose', ports: ['22', '443/udp', '80'] }],
  ['VOLUME /a /b', { kind: 'volume', paths: ['/a', '/b'] }],
  ['VOLUME [" /a ", "/b"]', { paths: ['/a', '/b'] }],
  ['USER a b', { kind: 'user', value: 'a b' }],
  ['WORKDIR /a b', { kind: 'workdir', value: '/a b' }],
  ['STOPSIGNAL 9', { kind: 'stopsignal', value: '9' }],
  ['MAINTAINER me <a@b>', { kind: 'maintainer', value: 'me <a@b>' }],
  ['SHELL ["a", "-c"]', { kind: 'shell', words: ['a', '-c'] }],
  ['HEALTHCHECK NONE', { kind: 'healthcheck', health: health(['NONE']) }],
  ['HEALTHCHECK CMD a b', { health: health(['CMD-SHELL', 'a b']) }],
  [
    'HEALTHCHECK --interval=1m30s --timeout=1.5s --start-period=2ms --start-interval=1s --retries=3 cmd ["a"]',
    {
      health: {
        test: ['CMD', 'a'],
        interval: 90e9,
        timeout: 1.5e9,
        startPeriod: 2e6,
        startInterval: 1e9,
        retries: 3,
      },
    },
  ],
  ['ONBUILD  RUN a b', { kind: 'onbuild', value: 'RUN a b' }],
  ['onbuild COPY <<E /x\nhi\nE', { kind: 'onbuild', value: 'COPY <<E /x\nhi\nE' }],
]

function health(test: string[]): object {
  return { test, interval: 0, timeout: 0, startPeriod: 0, startInterval: 0, retries: 0 }
}

for (const [text, expected] of INSTRUCTIONS) {
  test(`reads ${JSON.stringify(text)}`, () => assert.partialDeepStrictEqual(only(text), expected))
}

const ERRORS: readonly (readonly [instruction: string, error: string])[] = [
  ['RUNN x', 'unknown instruction: RUNN (did you mean RUN?)'],
  ['Frmo x', 'unknown instruction: Frmo (did you mean from?)'],
  ['XYZZY', 'unknown instruction: XYZZY'],
  ['constructor x', 'unknown instruction: constructor'],
  ['RUN --mont=x y', 'unknown flag: --mont (did you mean mount?)'],
  ['RUN --network=x y', 'invalid network mode "x"'],
  ['RUN --network y', 'missing a value on flag: --network'],
  ['RUN --security=x y', 'security "x" is not valid'],
  ['RUN --network=none --network=host y', 'duplicate flag specified: --network'],
  [
    'RUN --mount=from=$x,target=/y z',
    "'from' doesn't support variable expansion, define alias stage instead",
  ],
  [
    'RUN --mount=a\\"b z',
    'failed to parse csv mounts: parse error on line 1, column 2: bare " in non-quoted-field',
  ],
  ['RUN --mount= z', 'failed to parse csv mounts: EOF'],
  [
    'COPY a',
    'COPY requires at least two arguments, but only one was provided. Destination could not be determined',
  ],
  ['COPY --link=maybe a b', 'expecting boolean value for flag --link, not: maybe'],
  ['COPY --link= a b', 'missing a value on flag: --link'],
  ['COPY --form=x a b', 'unknown flag: --form (did you mean from?)'],
  ['COPY --toString a b', 'unknown flag: --toString'],
  ['ADD a <<E\nE', 'ADD cannot accept a heredoc as a destination'],
  ['ENV', 'ENV requires at least one argument'],
  ['ENV =x', 'ENV names can not be blank'],
  ['ENV --x a=b', 'unknown flag: --x'],
  ['ARG', 'ARG requires at least one argument'],
  ['ARG =x', 'ARG names can not be blank'],
  ['LABEL', 'LABEL requires at least one argument'],
  ['EXPOSE', 'EXPOSE requires at least one argument'],
  ['VOLUME', 'VOLUME requires at least one argument'],
  ['VOLUME ["a", " "]', 'VOLUME specified can not be an empty string'],
  ['USER', 'USER requires exactly one argument'],
  ['WORKDIR', 'WORKDIR requires exactly one argument'],
  ['STOPSIGNAL', 'STOPSIGNAL requires exactly one argument'],
  ['MAINTAINER', 'MAINTAINER requires exactly one argument'],
  ['SHELL []', 'SHELL requires at least one argument'],
  ['SHELL a', 'SHELL requires the arguments to be in JSON form'],
  ['ONBUILD', 'ONBUILD requires at least one argument'],
  ['ONBUILD ONBUILD RUN x', "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed"],
  ['ONBUILD from x', "FROM isn't allowed as an ONBUILD trigger"],
  ['HEALTHCHECK', 'HEALTHCHECK requires at least one argument'],
  ['HEALTHCHECK NONE x', 'HEALTHCHECK NONE takes no arguments'],
  ['HEALTHCHECK CMD', 'Missing command after HEALTHCHECK CMD'],
  ['HEALTHCHECK foo x', 'Unknown type "FOO" in HEALTHCHECK (try CMD)'],
  ['HEALTHCHECK --interval=1us CMD x', 'Interval "interval" cannot be less than 1ms'],
  ['HEALTHCHECK --timeout=5 CMD x', 'time: missing unit in duration "5"'],
  ['HEALTHCHECK --timeout=5x CMD x', 'time: unknown unit "x" in duration "5x"'],
  ['HEALTHCHECK --retries=-1 CMD x', '--retries cannot be negative (-1)'],
  ['HEALTHCHECK --retries=a CMD x', 'strconv.ParseInt: parsing "a": invalid syntax'],
  ['FROM', 'FROM requires either one or three arguments'],
  ['FROM a b', 'FROM requires either one or three arguments'],
  [
    'FROM a AS 1x',
    'invalid name for build stage: "1x", name can\'t start with a number or contain symbols',
  ],
  ['FROM --platfrom=x a', 'unknown flag: --platfrom (did you mean platform?)'],
]

for (const [instruction, error] of ERRORS) {
  test(`${JSON.stringify(instruction)}: ${error}`, () => {
    const end = instruction.split('\n').length + 1
    const message = `dockerfile parse error on line 2: ${error}`
    fails(`FROM a\n${instruction}\n`, message, { start: 2, end })
  })
}

test('what is wrong before instructions are typed has no line in front', () => {
  const second = { start: 2, end: 2 }
  fails('FROM a\nENV a', 'ENV must have two arguments', second)
  const noEquals = 'Syntax error - can\'t find = in "c". Must be of the form: name=value'
  fails('FROM a\nENV a=b c', noEquals, second)
  const notStrings = 'when using JSON array syntax, arrays must be comprised of strings only'
  fails('FROM a\nCMD ["a", 1]', notStrings, second)
  fails('FROM a\nRUN <<E\nx\n', 'unterminated heredoc', { start: 2, end: 3 })
  fails('FROM a\nRUN <<A <<B\nB\nA', 'unterminated heredoc')
})

test('a file must say something', () => {
  fails('', 'the Dockerfile cannot be empty')
  fails('\n# a\n\n', 'file with no instructions', { start: 3, end: 3 })
  fails('ARG a', 'dockerfile contains no stages to build')
  fails('ARG a\nRUN x', 'no build stage in current context', { start: 2, end: 2 })
  fails(
    `FROM a\nRUN ${'x'.repeat(70_000)}`,
    'dockerfile line greater than max allowed size of 65535',
  )
})

test('directives: escape, syntax, check', () => {
  const file = parseDockerfile(
    '\ufeff# syntax = docker/dockerfile:1 more\r\n#ESCAPE=`\n# check=skip=A,B;error=true\nFROM a\nRUN c:\\ `\n x',
  )
  assert.equal(file.syntax, 'docker/dockerfile:1')
  assert.equal(file.escape, '`')
  assert.deepEqual(file.check.skip, ['A', 'B'])
  assert.equal(file.check.error, true)
  assert.equal(file.stages[0]!.instructions[0]!.source, 'RUN c:\\  x')
})

test('a directive counts only above everything else', () => {
  for (const text of ['# a comment\n', '\n', '# foo=bar\n', 'ARG x\n']) {
    assert.equal(parseDockerfile(`${text}# escape=\`\nFROM a`).escape, '\\')
  }
  const twice = 'only one escape parser directive can be used'
  fails('# escape=`\n# escape=`\nFROM a', twice, { start: 2, end: 2 })
  fails('# escape=x\nFROM a', "invalid escape token 'x' does not match ` or \\")
})

test('the syntax is found where the parser does not look', () => {
  const syntax = (text: string): string | undefined => parseDockerfile(text).syntax
  assert.equal(syntax('#!/usr/bin/x\n# syntax=a/b\nFROM a'), 'a/b')
  assert.equal(syntax('#!/usr/bin/x\n# escape=`\nFROM a'), undefined)
  assert.equal(syntax('FROM a\n# syntax=a/b'), undefined)
})

test('check options that are none', () => {
  fails('# check=foo=1\nFROM a', 'failed to parse check options: invalid check option "foo"')
  fails('# check=foo\nFROM a', 'failed to parse check options: invalid check option "foo"')
})

test('stages, their names and what stands before the first', () => {
  const file = parseDockerfile(
    'ARG v=1\n# b builds it\nFROM --platform=$BUILDPLATFORM a:$v AS B\nRUN x\nfrom b\n',
  )
  assert.deepEqual(file.args[0]!.args, [{ key: 'v', value: '1', description: '' }])
  assert.partialDeepStrictEqual(file.stages, [
    {
      name: 'b',
      base: 'a:$v',
      platform: '$BUILDPLATFORM',
      description: 'builds it',
      lines: { start: 3, end: 3 },
    },
    { name: '', base: 'b', platform: '', keyword: 'from', instructions: [] },
  ])
})

test('carriage returns and bytes', () => {
  const bytes = new TextEncoder().encode('\ufeffFROM a\r\nRUN a \\\r\n b\r\nLABEL é=ü')
  const [stage] = parseDockerfile(bytes).stages
  assert.deepEqual(
    stage!.instructions.map(({ source }) => source),
    ['RUN a  b', 'LABEL é=ü'],
  )
})

test("a trigger stands where its stage's FROM stands", () => {
  const lines = { start: 7, end: 7 }
  assert.partialDeepStrictEqual(parseTrigger('COPY <<E /x\nhi\nE', lines), {
    kind: 'copy',
    lines,
    files: [{ name: 'E', data: 'hi\n', expand: true }],
  })
  assert.throws(() => parseTrigger('RUN a\nRUN b', lines), /^DockerfileError: onbuild trigger/)
  assert.throws(() => parseTrigger('FROM a', lines), /is not a command type/)
})
