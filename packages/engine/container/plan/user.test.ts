import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FakeNative } from '@tdocker/kernel/fake-native.ts'
import { KernelError } from '@tdocker/kernel/native.ts'
import { lookUpUser, resolveUser } from './user.ts'

const passwd = `# comment
root:x:0:0:root:/root:/bin/sh

  app:x:1000:1001:App:/home/app:/bin/sh
1000:x:0:0:a trap:/trap:/bin/sh
nohome:x:1002:1002::
huge:x:4294967296:0::/:/bin/sh
biggroup:x:1003:4294967295::/:/bin/sh
letters:x:abc:0::/:/bin/sh
app:x:77:77:second entry::
`
const group = `root:x:0:
staff:x:50:app,other
wheel:x:27:app
app:x:1001:
1001:x:0:
hugegroup:x:4294967296:member
`

function look(spec: string, groupAdd: string[] = []): ReturnType<typeof lookUpUser> {
  return lookUpUser({ spec, groupAdd, passwd, group })
}

test('every spelling of a user', () => {
  const root = { uid: 0, gid: 0, groups: [0], home: '/root' }
  const app = { uid: 1000, gid: 1001, groups: [1001, 50, 27], home: '/home/app' }
  const cases: Array<[string, object]> = [
    ['', root],
    ['root', root],
    ['0', root],
    ['app', app],
    ['1000', app],
    ['+1000', app],
    ['01000', app],
    ['app:', app],
    ['app:staff', { ...app, gid: 50, groups: [50] }],
    ['app:27', { ...app, gid: 27, groups: [27] }],
    ['1000:1001', { ...app, gid: 1001, groups: [1001] }],
    ['1000:12345', { ...app, gid: 12345, groups: [12345] }],
    [':staff', { uid: 0, gid: 50, groups: [50], home: '/root' }],
    [':5', { uid: 0, gid: 5, groups: [5], home: '/root' }],
    ['5555', { uid: 5555, gid: 0, groups: [0], home: '/' }],
    ['5555:6666', { uid: 5555, gid: 6666, groups: [6666], home: '/' }],
    ['nohome', { uid: 1002, gid: 1002, groups: [1002], home: '/' }],
    ['2147483647', { uid: 2147483647, gid: 0, groups: [0], home: '/' }],
  ]
  for (const [spec, expected] of cases) assert.deepEqual(look(spec), expected, spec)
})

test('a number is never looked up as a name', () => {
  assert.equal(look('1000').uid, 1000)
  assert.equal(look('app:1001').gid, 1001)
})

test('ids beyond the range are refused, never wrapped', () => {
  const message = 'uids and gids must be in range 0-2147483647'
  const specs = ['2147483648', '4294967295', '4294967296', '99999999999999999999', '-1', '0:-1']
  for (const spec of [...specs, 'app:4294967296', 'huge', 'biggroup', 'letters', ':hugegroup']) {
    assert.throws(() => look(spec), { kind: 'system', message }, spec)
  }
  assert.throws(() => look('app', ['2147483648']), { message })
  assert.throws(() => lookUpUser({ spec: '9', groupAdd: ['hugegroup'], passwd, group }), {
    message,
  })
})

test('who is not there', () => {
  assert.throws(() => look('nobody'), {
    kind: 'system',
    message: 'unable to find user nobody: no matching entries in passwd file',
  })
  assert.throws(() => look('0x1'), { message: /^unable to find user 0x1/ })
  assert.throws(() => look('app:nogroup'), {
    message: 'unable to find group nogroup: no matching entries in group file',
  })
  assert.throws(() => look('', ['nogroup']), { message: /^unable to find group nogroup/ })
})

test('--group-add by name and number, each group once', () => {
  assert.deepEqual(look('app', ['staff', '50', '999', 'root']).groups, [1001, 50, 27, 999, 0])
})

test('without files numbers still work', () => {
  const bare = { groupAdd: [], passwd: '', group: '' }
  assert.deepEqual(lookUpUser({ ...bare, spec: '7:8' }), {
    uid: 7,
    gid: 8,
    groups: [8],
    home: '/',
  })
  assert.equal(lookUpUser({ ...bare, spec: '' }).uid, 0)
  assert.throws(() => lookUpUser({ ...bare, spec: 'root' }), /unable to find user root/)
})

test('files are read in the container’s root, with a bound', async () => {
  const fake = new FakeNative()
  fake.stub('readFileIn', async ({ path }) => Buffer.from(path === '/etc/passwd' ? passwd : group))
  const user = await resolveUser({ native: fake.native, root: 5, spec: 'app', groupAdd: ['root'] })
  assert.deepEqual(user.groups, [1001, 50, 27, 0])
  for (const [call] of fake.callsOf('readFileIn')) {
    assert.equal(call.root, 5)
    assert.ok(call.max <= 16 * 1024 * 1024)
  }
})

test('files that cannot be read count as empty, huge ones are an error', async () => {
  const fake = new FakeNative()
  assert.equal((await resolveUser({ native: fake.native, root: 5, spec: '12' })).uid, 12)
  fake.stub('readFileIn', async ({ path }) => {
    throw new KernelError('EFBIG', 27, 'read', path)
  })
  await assert.rejects(resolveUser({ native: fake.native, root: 5, spec: '' }), {
    kind: 'system',
    message: /too large/,
  })
  fake.stub('readFileIn', async () => {
    throw new TypeError('a mistake of ours')
  })
  await assert.rejects(resolveUser({ native: fake.native, root: 5, spec: '' }), TypeError)
})
