import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { BuildOutput } from '../build-backend.ts'
import { planOutputs } from './plan-outputs.ts'

const tag = (name: string): { name: string } => ({ name })
const parse = (texts: readonly string[]): Array<{ name: string }> => texts.map(tag)
const plan = (outputs: BuildOutput[], tags: string[] = []): ReturnType<typeof planOutputs> =>
  planOutputs(outputs, parse(tags), parse)
const one = (Type: string, Attrs: Record<string, string> = {}): ReturnType<typeof plan>[number] =>
  plan([{ Type, Attrs }], ['tag'])[0]!

test('nothing asked for is an image under the names of the request', () => {
  assert.deepEqual(plan([], ['a', 'b']), [
    {
      ...{ index: 0, type: 'image', kind: 'image', push: false, rewrite: false, epoch: undefined },
      tags: [tag('a'), tag('b')],
    },
  ])
})

test('a name of the output wins over those of the request', () => {
  assert.deepEqual(plan([{ Type: 'oci', Attrs: { name: 'x,y' } }], ['a'])[0], {
    ...{ index: 0, type: 'oci', kind: 'archive', layout: 'oci', rewrite: false, epoch: undefined },
    annotations: {},
    gzip: false,
    tags: [tag('x'), tag('y')],
  })
})

test('times: of the build, of the output, none', () => {
  assert.equal(one('image', { 'source-date-epoch': '7' }).epoch, 7)
  assert.equal(one('image', { 'source-date-epoch': '' }).epoch, 'none')
  assert.equal(one('image', { 'rewrite-timestamp': '' }).rewrite, true)
  assert.equal(one('tar', { 'rewrite-timestamp': 'F' }).rewrite, false)
  assert.throws(() => one('image', { 'source-date-epoch': '-1' }), /invalid source-date-epoch: -1/)
  assert.throws(() => one('image', { 'source-date-epoch': '253402300800' }), /invalid/)
})

test('annotations are those of manifests', () => {
  const attributes = { 'annotation.a': '1', 'annotation-manifest[linux/amd64].b.c': '2' }
  const { annotations } = one('oci', attributes) as { annotations: object }
  assert.deepEqual(annotations, { a: '1', 'b.c': '2' })
  for (const type of ['image', 'docker'])
    assert.throws(() => one(type, attributes), /annotation\.a is not supported/)
  assert.throws(() => one('oci', { 'annotation-index.a': '1' }), /annotation-index\.a is not/)
})

test('what is not served is refused by name', () => {
  assert.throws(() => one('x'), /^Error: exporter "x" could not be found$|exporter "x"/)
  assert.throws(() => one('image', { 'push-by-digest': 'true' }), /push-by-digest=true is not/)
  assert.throws(() => one('image', { push: 'maybe' }), /non-bool value specified for push: strconv/)
  assert.throws(
    () => one('oci', { compression: 'estargz' }),
    /compression=estargz is not supported/,
  )
  assert.throws(() => one('local', { mode: 'delete' }), /mode=delete is not supported/)
  assert.throws(() => plan([{ Type: 'image', Attrs: { push: '' } }]), /tag is needed when pushing/)
})
