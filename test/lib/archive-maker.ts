/** Archives of images as `docker save` of several ages and other tools write them, made by hand. */
import { spawnSync } from 'node:child_process'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { type Platform, digestHex, digestOf } from '@tdocker/oci'
import {
  type Blob,
  type Entry,
  type MadeImage,
  type MadeIndex,
  descriptorOf,
  jsonBlob,
  tarOf,
} from './image-maker.ts'

export type Packing = 'none' | 'gzip' | 'zstd' | 'xz' | 'bzip2'

export const PACKINGS: readonly Packing[] = ['none', 'gzip', 'zstd', 'xz', 'bzip2']

export function packed(bytes: Buffer, packing: Packing): Buffer {
  switch (packing) {
    case 'none':
      return bytes
    case 'gzip':
      return gzipSync(bytes, { level: 1 })
    case 'zstd':
      return zstdCompressSync(bytes)
    case 'xz':
    case 'bzip2': {
      const { stdout, status } = spawnSync(packing, ['-c', '-1'], {
        input: bytes,
        maxBuffer: 1 << 30,
      })
      if (status !== 0) throw new Error(`${packing} failed`)
      return stdout
    }
  }
}

/** Layers of `image` must be plain tars. */
export interface NamedImage {
  image: MadeImage
  tags?: readonly string[]
  parent?: string
}

/** As Docker 1.10 to 24 wrote it: `ID/layer.tar`, `HEX.json`, a layer that occurs twice as a link. */
export function dockerEntries(images: readonly NamedImage[], o: { inner?: Packing } = {}): Entry[] {
  const entries: Entry[] = []
  const placed = new Map<string, string>()
  const items = images.map(({ image, tags, parent }, at) => {
    const layers = image.layers.map((layer, position) => {
      const id = digestHex(digestOf(`${at} ${position} ${layer.diffId}`))
      const name = `${id}/layer.tar`
      const known = placed.get(layer.diffId)
      entries.push({ name: `${id}/`, type: 'directory', mode: 0o755 })
      if (known !== undefined) {
        entries.push({ name, type: 'symlink', linkname: `../${known}` })
        return name
      }
      placed.set(layer.diffId, name)
      entries.push({ name, content: packed(layer.bytes, o.inner ?? 'none') })
      return name
    })
    const config = `${digestHex(image.config.digest)}.json`
    entries.push({ name: config, content: image.config.bytes })
    return {
      Config: config,
      RepoTags: tags ?? null,
      Layers: layers,
      ...(parent && { Parent: parent }),
    }
  })
  return [...entries, { name: 'manifest.json', content: JSON.stringify(items) }]
}

export interface LayoutEntry {
  content: MadeImage | MadeIndex
  annotations?: Record<string, string>
  platform?: Platform
}

/** An OCI image layout. */
export function layoutEntries(contents: readonly LayoutEntry[]): Entry[] {
  const blobs = new Map<string, Blob>()
  const add = (blob: Blob): void => void blobs.set(blob.digest, blob)
  const manifests = contents.map(({ content, annotations, platform }) => {
    const images = 'index' in content ? content.images : [content]
    for (const image of images) [image.config, image.manifest, ...image.layers].forEach(add)
    if ('index' in content) add(content.index)
    const top = 'index' in content ? content.index : content.manifest
    return {
      ...descriptorOf(top),
      ...(annotations && { annotations }),
      ...(platform && { platform }),
    }
  })
  const mediaType = 'application/vnd.oci.image.index.v1+json'
  const index = jsonBlob({ schemaVersion: 2, mediaType, manifests }, mediaType)
  return [
    ...[...blobs.values()].map(({ digest, bytes }) => ({
      name: `blobs/${digest.replace(':', '/')}`,
      content: bytes,
    })),
    { name: 'index.json', content: index.bytes },
    { name: 'oci-layout', content: '{"imageLayoutVersion":"1.0.0"}' },
  ]
}

/** As Docker before 1.10 wrote it. Answers the ids of the layers, bottom first, too. */
export function legacyEntries(
  layers: readonly Buffer[],
  o: { repository?: string; tag?: string; config?: object } = {},
): Entry[] {
  let parent: string | undefined
  const entries: Entry[] = []
  for (const [at, layer] of layers.entries()) {
    const id = digestHex(digestOf(`${at} ${parent} ${digestOf(layer)}`))
    const json = {
      id,
      ...(parent !== undefined && { parent }),
      created: `2015-01-0${at + 1}T00:00:00.5Z`,
      container_config: { Cmd: ['/bin/sh', '-c', `step ${at} && <done>`] },
      docker_version: '1.9.1',
      author: 'somebody',
      config: { Cmd: ['sh'], Env: ['A=<b>'], ...o.config },
      architecture: 'amd64',
      os: 'linux',
      Size: layer.length,
    }
    entries.push(
      { name: `${id}/`, type: 'directory', mode: 0o755 },
      { name: `${id}/VERSION`, content: '1.0' },
      { name: `${id}/json`, content: JSON.stringify(json) },
      { name: `${id}/layer.tar`, content: layer },
    )
    parent = id
  }
  if (o.repository === undefined) return entries
  const repositories = { [o.repository]: { [o.tag ?? 'latest']: parent } }
  return [...entries, { name: 'repositories', content: `${JSON.stringify(repositories)}\n` }]
}

export async function archive(entries: readonly Entry[], outer: Packing = 'none'): Promise<Buffer> {
  return packed(await tarOf(entries), outer)
}
