import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseRunMount } from './run-mount.ts'

const parse = (text: string): object =>
  parseRunMount(text, (word) => word.replaceAll('$X', 'value'))

const MOUNTS: readonly (readonly [text: string, mount: object])[] = [
  ['target=/a', { type: 'bind', target: '/a', readOnly: true, from: '', source: '' }],
  [
    'type=bind,from=b,src=$X/c,dst=/a,rw',
    { type: 'bind', target: '/a', readOnly: false, from: 'b', source: 'value/c' },
  ],
  [
    'TARGET=/a,readonly=false',
    { type: 'bind', target: '/a', readOnly: false, from: '', source: '' },
  ],
  [
    'type=cache,target=/a/../b/',
    {
      type: 'cache',
      target: '/a/../b/',
      readOnly: false,
      from: '',
      source: '',
      id: '/b',
      sharing: 'shared',
    },
  ],
  [
    'type=cache,target=/a,id=i,sharing=Locked,mode=0755,uid=1,gid=2,ro',
    {
      type: 'cache',
      target: '/a',
      readOnly: true,
      from: '',
      source: '',
      id: 'i',
      sharing: 'locked',
      mode: 0o755,
      uid: 1,
      gid: 2,
    },
  ],
  [
    'type=tmpfs,target=/t,size=10m',
    { type: 'tmpfs', target: '/t', readOnly: false, size: 10 * 2 ** 20 },
  ],
  [
    'type=secret,id=a/b',
    { type: 'secret', target: '/run/secrets/b', readOnly: true, id: 'a/b', required: false },
  ],
  [
    'type=secret,target=/x/y,required',
    { type: 'secret', target: '/x/y', readOnly: true, id: 'y', required: true },
  ],
  [
    'type=secret,id=T,env=TOKEN',
    { type: 'secret', target: '', readOnly: true, id: 'T', required: false, env: 'TOKEN' },
  ],
  ['type=ssh', { type: 'ssh', target: '', readOnly: true, id: 'default', required: false }],
  [
    '"type=ssh","id=a,b",required=true,mode=600',
    { type: 'ssh', target: '', readOnly: true, id: 'a,b', required: true, mode: 0o600 },
  ],
]

for (const [text, mount] of MOUNTS) test(text, () => assert.deepEqual(parse(text), mount))

const ERRORS: readonly (readonly [text: string, error: string])[] = [
  ['type=bnd', 'unsupported mount type "bnd" (did you mean bind?)'],
  ['type=cache,sharing=lock', 'unsupported sharing value "lock" (did you mean locked?)'],
  ['traget=/a', "unexpected key 'traget' in 'traget=/a' (did you mean target?)"],
  ['foo', "invalid field 'foo' must be a key=value pair"],
  ['target=/a,ro=x', 'invalid value for ro: x'],
  ['required', "unexpected key 'required' for mount type 'bind'"],
  ['size=1', "unexpected key 'size' for mount type 'bind'"],
  ['type=tmpfs,size=x', 'invalid value for size: x'],
  ['type=cache,mode=9', 'invalid value 9 for mode'],
  ['type=cache,uid=-1', 'invalid value -1 for uid'],
  ['type=cache,gid=4294967296', 'invalid value 4294967296 for gid'],
  ['mode=1', 'mode not allowed for "bind" type mounts'],
  ['type=tmpfs,uid=1', 'uid not allowed for "tmpfs" type mounts'],
  ['sharing=shared', 'invalid cache sharing set for bind mount'],
  ['type=secret', 'invalid secret mount. one of source, target required'],
  ['type=secret,id=a,from=b', 'secret mount should not have a from'],
  ['type=secret,id=a,source=b', "both source and id can't be set"],
  ['type=secret,id=a,sharing=shared', 'secret mount should not define sharing'],
  ['type=ssh,source=a', 'ssh does not support source'],
]

for (const [text, message] of ERRORS) {
  test(`${text}: ${message}`, () => assert.throws(() => parse(text), { message }))
}
