import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MemberLinks, cleanName } from './member-names.ts'

test('names never lead out', () => {
  assert.equal(cleanName('./a//b/./c'), 'a/b/c')
  assert.equal(cleanName('/etc/passwd'), 'etc/passwd')
  assert.equal(cleanName('../../a/../../b'), 'b')
  assert.equal(cleanName('..'), '')
})

test('links are followed within the archive', () => {
  const links = new MemberLinks()
  links.addSymlink('b/layer.tar', '../a/layer.tar')
  links.addSymlink('c', 'b')
  links.addSymlink('d', '/../../../a')
  links.addHardLink('e', 'a/layer.tar')
  assert.equal(links.resolve('b/layer.tar'), 'a/layer.tar')
  assert.equal(links.resolve('c/layer.tar'), 'a/layer.tar')
  assert.equal(links.resolve('d/layer.tar'), 'a/layer.tar')
  assert.equal(links.resolve('../e'), 'a/layer.tar')
  assert.equal(links.resolve('nothing/here'), 'nothing/here')
})

test('a loop of links ends', () => {
  const links = new MemberLinks()
  links.addSymlink('a', 'b')
  links.addSymlink('b', 'a')
  links.addSymlink('c', 'c/c')
  assert.throws(() => links.resolve('a'), /too many links in \/a/)
  assert.throws(() => links.resolve('c/x'), /too many links/)
})
