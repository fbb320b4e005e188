import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseGitContext, parseGitRef } from './git-ref.ts'

const parsed = (text: string): Record<string, unknown> | undefined => {
  const ref = parseGitRef(text)
  return (
    ref &&
    Object.fromEntries(
      Object.entries(ref).filter(([, value]) => value !== '' && value !== undefined),
    )
  )
}

test('URLs, fragments and queries', () => {
  const common = { submodules: true, fetchByCommit: false }
  assert.deepEqual(parsed('https://example.com/a/b.git#v1:docker/app'), {
    scheme: 'https',
    remote: 'https://example.com/a/b.git',
    shown: 'https://example.com/a/b.git',
    host: 'example.com',
    ref: 'v1',
    subdir: 'docker/app',
    ...common,
  })
  assert.deepEqual(parsed('git@example.com:a/b.git#:x/../../y'), {
    scheme: 'ssh',
    remote: 'git@example.com:a/b.git',
    shown: 'git@example.com:a/b.git',
    host: 'example.com',
    subdir: 'y',
    ...common,
  })
  const query = parseGitRef(
    'https://h/r.git?tag=v1&subdir=/a/&checksum=abc&keep-git-dir&submodules=0',
  )
  assert.deepEqual(
    [query?.ref, query?.subdir, query?.checksum, query?.keepGitDir, query?.submodules],
    ['refs/tags/v1', 'a', 'abc', true, false],
  )
  assert.equal(parseGitRef('https://h/r.git?branch=b')?.ref, 'refs/heads/b')
  assert.equal(parseGitRef('ssh://git@h:22/r')?.remote, 'ssh://git@h:22/r')
  assert.equal(parseGitRef('git://h/r')?.scheme, 'git')
  assert.equal(parseGitContext('github.com/a/b#main')?.remote, 'https://github.com/a/b.git')
})

test('what is no git address', () => {
  for (const text of [
    'https://h/file.tar',
    './a',
    'dir/file',
    'file:///r.git',
    'ext::sh',
    'C:\\x',
    'a.git',
  ])
    assert.equal(parseGitRef(text), undefined, text)
})

test('a password is not shown, and not in the address that the program gets', () => {
  const ref = parseGitRef('https://me:s%40cret@h/r.git#main')
  assert.deepEqual(
    [ref?.remote, ref?.credentials, ref?.shown],
    ['https://h/r.git', 'me:s@cret', 'https://xxxxx:xxxxx@h/r.git'],
  )
})

test('what a program could take for an option is refused', () => {
  const refused: Array<[string, RegExp]> = [
    ['https://h/r.git#--upload-pack=touch${IFS}x', /invalid git ref/],
    ['https://h/r.git?ref=-x', /invalid git ref/],
    ['https://h/r.git#a b', /invalid git ref/],
    ['https://h/r.git?ref=a:refs/heads/x', /invalid git ref/],
    ['https://h/r.git#../../x', /invalid git ref/],
    ['ssh://-oProxyCommand=x/r', /invalid git address/],
    ['ssh://-x@h/r', /invalid git address/],
    ['-oProxyCommand=x@h:r', /./],
    ['-x@h:r', /invalid git address/],
    ['git@h:-r', /invalid git address/],
    ['git://h/a\nb', /invalid git address/],
    ['https://h/r.git?nope=1', /unexpected query "nope"/],
    ['https://h/r.git?ref=a&ref=b', /multiple values/],
    ['https://h/r.git?ref=', /has no value/],
    ['https://h/r.git?tag=a&branch=b', /conflicts with tag|ref conflicts/],
    ['https://h/r.git?ref=b#a', /ref conflicts: "a" vs "b"/],
    ['https://h/r.git?checksum=xyz', /invalid checksum xyz/],
    ['https://h/r.git?keep-git-dir=maybe', /invalid keep-git-dir value: "maybe"/],
  ]
  for (const [text, message] of refused) {
    if (text === '-oProxyCommand=x@h:r') assert.equal(parseGitRef(text), undefined)
    else assert.throws(() => parseGitRef(text), message, text)
  }
})
