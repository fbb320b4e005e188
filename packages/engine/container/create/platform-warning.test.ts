import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ImageConfig } from '@tdocker/oci'
import { hostPlatform } from '@tdocker/oci/platform.ts'
import { platformWarning } from './platform-warning.ts'

const image = (os: string, architecture: string): ImageConfig =>
  ({ os, architecture, rootfs: { type: 'layers', diff_ids: [] } }) as unknown as ImageConfig

test('images of this machine’s kind are no reason to warn', () => {
  assert.equal(platformWarning(image('linux', hostPlatform().architecture)), undefined)
})

test('others are', () => {
  assert.match(
    platformWarning(image('linux', 's390x')) ?? '',
    /^The requested image's platform \(linux\/s390x\) does not match the detected host platform \(linux\/\w+(\/v\d)?\) and no specific platform was requested$/,
  )
  assert.match(platformWarning(image('windows', 'amd64')) ?? '', /\(windows\/amd64\)/)
})
