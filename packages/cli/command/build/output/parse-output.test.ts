import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Output, parseOutputs } from './parse-output.ts'

const parse = (values: string[], o: Partial<Parameters<typeof parseOutputs>[0]> = {}): Output[] =>
  parseOutputs({ values, push: false, load: false, annotations: [], isTerminal: false, ...o })

test('a bare path is a directory, a dash is a tar on stdout', () => {
  assert.deepEqual(parse(['no/such dir']), [
    { wire: { Type: 'local', Attrs: {} }, target: { kind: 'directory', path: 'no/such dir' } },
  ])
  assert.deepEqual(parse(['-']), [{ wire: { Type: 'tar', Attrs: {} }, target: { kind: 'stdout' } }])
  assert.deepEqual(parse(['a=b'])[0]!.target, { kind: 'directory', path: 'a=b' })
})

test('attributes go to the daemon, the destination stays here', () => {
  assert.deepEqual(parse(['type=oci,dest=x.tar,"name=a,b",Rewrite-Timestamp=true']), [
    {
      wire: { Type: 'oci', Attrs: { name: 'a,b', 'rewrite-timestamp': 'true' } },
      target: { kind: 'file', path: 'x.tar' },
    },
  ])
  assert.deepEqual(parse(['type=oci,dest=x,tar=false'])[0], {
    wire: { Type: 'oci', Attrs: {} },
    target: { kind: 'directory', path: 'x' },
  })
})

test('docker without a file is an image in the store, registry is a push', () => {
  assert.deepEqual(parse(['type=docker,name=x']), [
    { wire: { Type: 'image', Attrs: { name: 'x' } }, target: undefined },
  ])
  assert.deepEqual(parse(['type=registry']), [
    { wire: { Type: 'image', Attrs: { push: 'true' } }, target: undefined },
  ])
})

test('--push and --load add to what is there, or change it', () => {
  const types = (outputs: Output[]): unknown => outputs.map(({ wire }) => wire)
  const pushed = { Type: 'image', Attrs: { push: 'true' } }
  assert.deepEqual(types(parse([], { push: true })), [pushed])
  assert.deepEqual(types(parse(['type=image'], { push: true })), [pushed])
  assert.deepEqual(types(parse([], { push: true, load: true })), [
    pushed,
    { Type: 'image', Attrs: {} },
  ])
  assert.deepEqual(types(parse(['type=docker'], { load: true })), [{ Type: 'image', Attrs: {} }])
})

test('annotations are for manifests unless they say otherwise', () => {
  const [output] = parse(['type=oci,dest=x'], {
    annotations: ['a=b=c', 'index:d=', 'manifest,index:e=f'],
  })
  assert.deepEqual(output!.wire.Attrs, {
    'annotation-manifest.a': 'b=c',
    'annotation-index.d': '',
    'annotation-manifest.e': 'f',
    'annotation-index.e': 'f',
  })
  assert.throws(
    () => parse([], { annotations: ['x'] }),
    /invalid annotation "x", expected key=value/,
  )
  assert.throws(() => parse([], { annotations: ['z:x=1'] }), /unknown annotation type "z"/)
})

test('what cannot be written is told before anything is sent', () => {
  for (const [value, error] of [
    ['type=local', 'dest is required for local exporter'],
    ['type=oci,tar=0,dest=-', 'dest cannot be stdout for oci exporter'],
    ['type=local,dest=/dev/null', 'destination directory /dev/null is a file'],
    ['type=tar,dest=/', 'destination file / is a directory'],
    ['type=tar,x', 'invalid value x'],
    ['dest=a,b=c', 'type is required for output'],
  ] as const)
    assert.throws(() => parse([value]), { message: error })
  assert.throws(() => parse(['-', 'type=oci']), /multiple outputs configured to write to stdout/)
  assert.throws(() => parse(['-'], { isTerminal: true }), /refusing to write to console/)
})
