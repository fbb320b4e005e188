import assert from 'node:assert/strict'
import { test } from 'node:test'
import { submoduleRef } from './submodule-url.ts'

const from = (parent: string, url: string): string => submoduleRef(url, parent).remote

test('relative addresses are the parent’s with parts taken off', () => {
  assert.equal(from('https://h/a/b.git', '../c.git'), 'https://h/a/c.git')
  assert.equal(from('https://h/a/b.git/', './c.git'), 'https://h/a/b.git/c.git')
  assert.equal(from('https://h/a/b.git', '../../x/c'), 'https://h/x/c')
  assert.equal(from('git@h:a/b.git', '../c.git'), 'git@h:a/c.git')
  assert.equal(from('git@h:b.git', '../c.git'), 'git@h:c.git')
  assert.equal(from('ssh://h/a/b', '../c'), 'ssh://h/a/c')
})

test('whole addresses, with or without .git, and no credentials of the repository', () => {
  assert.equal(from('https://h/a.git', 'https://o/c'), 'https://o/c')
  assert.equal(from('https://h/a.git', 'git://o/c'), 'git://o/c')
  const ref = submoduleRef('https://me:secret@o/c', 'https://h/a.git')
  assert.equal(ref.remote, 'https://o/c')
  assert.doesNotMatch(ref.shown, /secret/)
})

test('nothing of this machine, and no program', () => {
  const refused: Array<[string, RegExp]> = [
    ['/srv/r.git', /transport 'file' not allowed/],
    ['file:///srv/r.git', /transport 'file' not allowed/],
    ['ext::sh -c x', /transport 'ext' not allowed/],
    ['fd::3', /transport 'fd' not allowed/],
    ['-u', /not allowed/],
    ['https://h/r.git#--x', /not allowed/],
    ['https://h/r.git?ref=x', /not allowed/],
    ['ssh://-oProxyCommand=x/r', /invalid git address/],
    ['../../../../../../x', /cannot strip|not allowed|invalid/],
  ]
  for (const [url, message] of refused)
    assert.throws(() => submoduleRef(url, 'https://h/a.git'), message, url)
})
