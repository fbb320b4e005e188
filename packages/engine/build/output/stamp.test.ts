import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ImageConfig } from '@tdocker/oci'
import { stampedConfig } from './stamp.ts'

const base: ImageConfig = {
  architecture: 'amd64',
  os: 'linux',
  rootfs: { type: 'layers', diff_ids: ['sha256:1'] },
  history: [{ created: '2024-01-01T00:00:00Z', created_by: 'base' }],
}
const built: ImageConfig = {
  ...base,
  created: '2024-05-05T05:05:05.123Z',
  container: 'abc',
  container_config: { Hostname: 'abc' },
  rootfs: { type: 'layers', diff_ids: ['sha256:1', 'sha256:2'] },
  history: [
    ...base.history!,
    { created: '2024-05-05T05:05:05.123Z', created_by: 'RUN', author: 'me' },
    { created: '1999-01-01T00:00:00Z', created_by: 'old', empty_layer: true },
    { created_by: 'timeless', empty_layer: true },
  ],
}

test('times are clamped but for those of the base; containers are forgotten', () => {
  const stamped = stampedConfig(built, base, {
    epoch: 1_000_000_000,
    diffIds: ['sha256:1', 'sha256:3'],
  })
  assert.deepEqual(stamped, {
    architecture: 'amd64',
    os: 'linux',
    created: '2001-09-09T01:46:40Z',
    rootfs: { type: 'layers', diff_ids: ['sha256:1', 'sha256:3'] },
    history: [
      { created: '2024-01-01T00:00:00Z', created_by: 'base' },
      { created: '2001-09-09T01:46:40Z', created_by: 'RUN', author: 'me' },
      { created: '1999-01-01T00:00:00Z', created_by: 'old', empty_layer: true },
      { created: '2001-09-09T01:46:40Z', created_by: 'timeless', empty_layer: true },
    ],
  })
})

test("without a base all of the history is the build's", () => {
  const { history } = stampedConfig(built, undefined, { epoch: 0, diffIds: [] })
  assert.ok(history!.every(({ created }) => created === '1970-01-01T00:00:00Z'))
})
