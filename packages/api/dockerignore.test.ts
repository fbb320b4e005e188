import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  ignoreFileNames,
  IgnoreMatcher,
  keepBuildFiles,
  parseIgnoreFile,
  type Visited,
} from './dockerignore.ts'

test('an ignore file: comments, blanks, slashes, exceptions', () => {
  const text = '\ufeff# comment\n\r\n  a/b/ \r\n/root\n #not\n!  /x/../y\n!\n./c//d\n/\n'
  assert.deepEqual(parseIgnoreFile(text), ['a/b', 'root', '#not', '!y', '!', 'c/d', '/'])
})

const RULES: readonly (readonly [patterns: string[], ignored: string[], kept: string[]])[] = [
  [['a'], ['a', 'a/b', 'a/b/c'], ['b', 'ab', 'b/a']],
  [['*'], ['a', 'a/b', '.x'], []],
  [['*.log'], ['a.log', 'x.log/y'], ['b/a.log', 'a.logs']],
  [['**/*.log'], ['a.log', 'b/a.log', 'b/c/a.log'], ['a.logs']],
  [['**'], ['a', 'a/b'], []],
  [['a/**'], ['a/b', 'a/b/c'], ['a', 'b/a/c']],
  [['a/**/b'], ['a/b', 'a/x/b', 'a/x/y/b', 'a/b/c'], ['a/xb', 'x/a/b']],
  [['**/a'], ['a', 'x/a', 'x/y/a/z'], ['xa', 'x/ba']],
  [['**a'], ['a', 'xa', 'x/ya', 'ya/b'], ['ab']],
  [['a**'], ['a', 'ab', 'a/b'], ['b']],
  [['a?c'], ['abc'], ['ac', 'abbc', 'a/c']],
  [['[a-c]x'], ['ax', 'cx/y'], ['dx']],
  [['a\\*'], ['a*'], ['ab']],
  [['*.md', '!README.md'], ['a.md'], ['README.md']],
  [['*.md', '!README*.md', 'README-x.md'], ['a.md', 'README-x.md'], ['README.md']],
  [
    ['a', '!a/b'],
    ['a', 'a/c'],
    ['a/b', 'a/b/c'],
  ],
  [['!a', 'a'], ['a'], ['b']],
  [
    ['*', '!a', 'a/b'],
    ['c', 'a/b', 'a/b/c'],
    ['a', 'a/c'],
  ],
  [['a.b'], ['a.b'], ['axb']],
  [['é*'], ['éx'], ['e']],
]

for (const [patterns, ignored, kept] of RULES) {
  test(patterns.join(' '), () => {
    const matcher = new IgnoreMatcher(patterns)
    for (const path of ignored) assert.equal(matcher.matches(path), true, path)
    for (const path of kept) assert.equal(matcher.matches(path), false, path)
    for (const path of [...ignored, ...kept]) {
      assert.equal(walk(matcher, path), matcher.matches(path), `${path}, walked to`)
    }
  })
}

/** As whoever reads the tree asks: level by level, each told about its parent. */
function walk(matcher: IgnoreMatcher, path: string): boolean {
  const parts = path.split('/')
  let visited: Visited | undefined
  for (let depth = 1; depth <= parts.length; depth++) {
    const next = matcher.visit(parts.slice(0, depth).join('/'), visited)
    if (visited?.ignored && !next.ignored) {
      assert.ok(matcher.mayHoldOthers(parts.slice(0, depth - 1).join('/')), path)
    }
    visited = next
  }
  return visited!.ignored
}

test('only directories that may hold an exception need be read', () => {
  const matcher = new IgnoreMatcher(['*', '!a/b', '!x*/**/keep'])
  for (const path of ['a', 'xa', 'xa/b']) assert.equal(matcher.mayHoldOthers(path), true, path)
  for (const path of ['b', 'a/c', 'ab']) assert.equal(matcher.mayHoldOthers(path), false, path)
  assert.equal(new IgnoreMatcher(['*']).mayHoldOthers('a'), false)
})

test('what is no pattern', () => {
  assert.throws(() => new IgnoreMatcher(['!']), { message: 'illegal exclusion pattern: "!"' })
  assert.throws(() => new IgnoreMatcher(['a', '[']), { message: 'syntax error in pattern' })
  assert.equal(new IgnoreMatcher([' ', '']).matches('a'), false)
})

test('the context itself is never left out', () => {
  assert.equal(new IgnoreMatcher(['**', '.']).matches('.'), false)
})

test('files of the builder are taken in again', () => {
  assert.deepEqual(keepBuildFiles(['*'], 'Dockerfile'), ['*', '!.dockerignore', '!Dockerfile'])
  assert.deepEqual(keepBuildFiles(['*'], undefined), ['*', '!.dockerignore'])
  assert.deepEqual(keepBuildFiles(['a'], 'b/Dockerfile'), ['a'])
})

test("a Dockerfile's own ignore file comes first", () => {
  assert.deepEqual(ignoreFileNames('x/My.df'), ['x/My.df.dockerignore', '.dockerignore'])
})

test('thousands of files, and patterns that could be tried in many ways', () => {
  const started = performance.now()
  const hostile = new IgnoreMatcher(['**/'.repeat(30) + '*a*a*a*a*b'])
  assert.equal(hostile.matches('a/'.repeat(200) + 'a'.repeat(200)), false)
  const usual = new IgnoreMatcher([
    ...['.git', 'node_modules', '**/*.log', 'dist/**', '!dist/keep', '*.tmp', '**/.DS_Store'],
  ])
  for (let n = 0; n < 20_000; n++) usual.matches(`src/module-${n % 100}/deep/file-${n}.ts`)
  assert.ok(performance.now() - started < 3000)
})
