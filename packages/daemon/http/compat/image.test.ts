import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ImageInspect } from '@tdocker/api'
import { imageInspectFor } from './image.ts'

const image: ImageInspect = {
  Id: 'sha256:1',
  RepoTags: [],
  RepoDigests: [],
  Config: null,
  Architecture: 'amd64',
  Os: 'linux',
  Size: 3,
  RootFS: { Type: 'layers' },
  Metadata: { LastTagTime: '0001-01-01T00:00:00Z' },
}

test('clients below 1.45 find a container config in which they may look for volumes', () => {
  // docker-compose 1.29 reads ContainerConfig.Volumes of every container it makes anew.
  assert.equal(imageInspectFor(image, '1.44').ContainerConfig?.['Volumes'], null)
  assert.equal(imageInspectFor(image, '1.44').Container, '')
  assert.equal('ContainerConfig' in imageInspectFor(image, '1.45'), false)
})

test('the size under its other name, below 1.44', () => {
  assert.equal(imageInspectFor(image, '1.43').VirtualSize, 3)
  assert.equal('VirtualSize' in imageInspectFor(image, '1.44'), false)
})
