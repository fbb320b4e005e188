import assert from 'node:assert/strict'
import { test } from 'node:test'
import { idmapOf, idmapProblem } from './idmap.ts'

const ids = { owner: { uid: 1000, gid: 50 }, user: { uid: 0, gid: 50 } }

test('ranges are lines of a map', () => {
  assert.deepEqual(idmapOf('uids=0-1000-1#5-7-10;gids=0-100-10', ids), {
    uids: '0 1000 1\n5 7 10\n',
    gids: '0 100 10\n',
  })
})

test('nothing said: the owner is the user, others are themselves', () => {
  assert.deepEqual(idmapOf('', ids), {
    uids: '1000 0 1\n1 1 999\n1001 1001 4294966294\n',
    gids: '0 0 4294967295\n',
  })
  const { uids } = idmapOf('gids=0-0-1', {
    ...ids,
    owner: { uid: 0, gid: 0 },
    user: { uid: 1, gid: 1 },
  })
  assert.equal(uids, '0 1 1\n2 2 4294967293\n')
})

test('what is no mapping', () => {
  for (const bad of [
    'x',
    'uids',
    'uids=',
    'uids=1-2',
    'uids=1-2-0',
    'uids=a-0-1',
    'uids=0-0-4294967296',
  ])
    assert.match(idmapProblem(bad) ?? '', /^invalid idmap/, bad)
  assert.match(idmapProblem('uids=0-0-1;uids=1-1-1') ?? '', /^invalid idmap/)
  assert.equal(idmapProblem('uids=0-5-10#9-50-1'), 'invalid idmap: ranges overlap')
  assert.equal(idmapProblem('uids=0-5-10#20-9-1'), 'invalid idmap: ranges overlap')
  assert.equal(idmapProblem('uids=0-5-10#10-20-1'), undefined)
  assert.equal(idmapProblem(''), undefined)
})
