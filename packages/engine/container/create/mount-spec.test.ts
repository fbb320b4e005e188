import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mountFromSpec, parseBind, parseVolumesFrom, validateMount } from './mount-spec.ts'

test('bind strings', () => {
  const { type, source, destination, readWrite, propagation, mode } = parseBind(
    '/host//dir/:/c/../data/:ro,Z,rslave',
    '',
  )
  assert.deepEqual(
    [type, source, destination, readWrite, propagation, mode],
    ['bind', '/host/dir', '/data', false, 'rslave', 'ro,Z,rslave'],
  )
  const named = parseBind('data:/data:nocopy', 'local')
  assert.deepEqual([named.type, named.name, named.copyData], ['volume', 'data', false])
  const anonymous = parseBind('/data', '')
  assert.deepEqual(
    [anonymous.type, anonymous.anonymous, anonymous.copyData],
    ['volume', true, true],
  )
})

for (const [text, message] of [
  ['', "invalid volume specification: ''"],
  [':/a', "invalid volume specification: ':/a'"],
  ['/a:ro', "invalid volume specification: '/a:ro'"],
  ['a:b:c:d', "invalid volume specification: 'a:b:c:d'"],
  ['/a:/b:zz', 'invalid mode: zz'],
  ['/a:/b:ro,rw', 'invalid mode: ro,rw'],
  [
    '/a:b',
    `invalid volume specification: '/a:b': invalid mount config for type "bind": invalid mount path: 'b' mount path must be absolute`,
  ],
  [
    '/a:/',
    `invalid volume specification: '/a:/': invalid mount config for type "bind": invalid specification: destination can't be '/'`,
  ],
  [
    'v:/b:rshared',
    `invalid volume specification: 'v:/b:rshared': invalid mount config for type "volume": field BindOptions must not be specified`,
  ],
] as const)
  test(`refuses the bind ${JSON.stringify(text)}`, () => {
    assert.throws(() => parseBind(text, ''), { message })
  })

for (const [mount, reason] of [
  [{ Type: 'bind', Target: '/a' }, 'field Source must not be empty'],
  [
    { Type: 'bind', Source: '/nosuch/dir', Target: '/a' },
    'bind source path does not exist: /nosuch/dir',
  ],
  [
    { Type: 'bind', Source: 'x', Target: '/a' },
    "invalid mount path: 'x' mount path must be absolute",
  ],
  [{ Type: 'tmpfs', Source: '/x', Target: '/a' }, 'field Source must not be specified'],
  [{ Type: 'volume' }, 'field Target must not be empty'],
  [{ Type: 'volume', Target: '/' }, "invalid specification: destination can't be '/'"],
  [{ Type: 'volume', Target: '/a', BindOptions: {} }, 'field BindOptions must not be specified'],
  [{ Type: 'what', Target: '/a' }, 'mount type unknown'],
  [
    { Type: 'bind', Source: '/', Target: '/a', BindOptions: { Propagation: 'x' } },
    'invalid propagation mode: x',
  ],
  [{ Type: 'tmpfs', Target: '/a', TmpfsOptions: { Options: [['suid']] } }, 'invalid option: suid'],
] as const)
  test(`refuses a mount: ${reason}`, () => {
    assert.throws(() => validateMount(mount as never), {
      message: `invalid mount config for type "${mount.Type}": ${reason}`,
    })
  })

test('mounts as specified', () => {
  const bind = mountFromSpec({
    Type: 'bind',
    Source: '/src',
    Target: '/dst',
    ReadOnly: true,
    BindOptions: { NonRecursive: true, ReadOnlyNonRecursive: true, CreateMountpoint: true },
  })
  assert.deepEqual(
    [bind.readWrite, bind.recursive, bind.recursiveReadonly, bind.createSource, bind.propagation],
    [false, false, false, true, 'rprivate'],
  )
  const volume = mountFromSpec({ Type: 'volume', Target: '/v', VolumeOptions: { NoCopy: true } })
  assert.deepEqual([volume.anonymous, volume.copyData, volume.driver], [true, false, ''])
})

test('volumes-from', () => {
  assert.deepEqual(parseVolumesFrom('web'), { container: 'web', readWrite: true })
  assert.deepEqual(parseVolumesFrom('web:ro,z'), { container: 'web', readWrite: false })
  assert.throws(() => parseVolumesFrom('web:rslave'), { message: 'invalid mode: rslave' })
  assert.throws(() => parseVolumesFrom('web:nocopy'), { message: 'invalid mode: nocopy' })
})
