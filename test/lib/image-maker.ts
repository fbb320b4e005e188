/** Images for tests, made without any engine: layers from tars, configs, manifests, indexes. */
import { execFile } from 'node:child_process'
import { createReadStream } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { type ImageConfig, MEDIA_TYPE, digestOf, type Platform } from '@tdocker/oci'
import { type Headers, pack } from 'tar-stream'

const run = promisify(execFile)

export interface Blob {
  mediaType: string
  digest: string
  size: number
  bytes: Buffer
}

export interface LayerBlob extends Blob {
  diffId: string
}

export interface MadeImage {
  config: Blob
  layers: LayerBlob[]
  manifest: Blob
}

export interface MadeIndex {
  index: Blob
  images: MadeImage[]
}

export type Compression = 'none' | 'gzip' | 'zstd'
export type Format = 'docker' | 'oci'

/** A tar entry; directories and links need no content. */
export interface Entry extends Partial<Omit<Headers, 'name'>> {
  name: string
  content?: string | Buffer
}

export async function tarOf(entries: readonly Entry[]): Promise<Buffer> {
  const tar = pack()
  const done = collect(tar)
  for (const { content = '', ...header } of entries) {
    const body = Buffer.from(content)
    const full = { mtime: new Date(1_700_000_000_000), ...header, size: body.length }
    // An empty file needs its empty body, or the archive waits for one.
    if (full.type === undefined || full.type === 'file') tar.entry(full, body)
    else tar.entry(full)
  }
  tar.finalize()
  return done
}

async function collect(stream: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk)
  return Buffer.concat(chunks)
}

/** A tar of a directory as it is: owners, modes, xattrs, links, nanoseconds. */
export async function tarOfDirectory(directory: string): Promise<Buffer> {
  const args = ['--numeric-owner', '--xattrs', '--xattrs-include=*', '--format=pax']
  const { stdout } = await run('tar', [...args, '-C', directory, '-cf', '-', '.'], {
    encoding: 'buffer',
    maxBuffer: 2 ** 31 - 1,
  })
  return stdout
}

const LAYER_TYPE: Readonly<Record<Format, Readonly<Record<Compression, string>>>> = {
  docker: {
    none: MEDIA_TYPE.dockerLayer,
    gzip: MEDIA_TYPE.dockerLayerGzip,
    zstd: 'application/vnd.docker.image.rootfs.diff.tar.zstd',
  },
  oci: {
    none: MEDIA_TYPE.ociLayer,
    gzip: MEDIA_TYPE.ociLayerGzip,
    zstd: MEDIA_TYPE.ociLayerZstd,
  },
}

export function makeLayer(
  tar: Buffer,
  o: { compression?: Compression; format?: Format } = {},
): LayerBlob {
  const compression = o.compression ?? 'gzip'
  const bytes =
    compression === 'gzip'
      ? gzipSync(tar, { level: 1 })
      : compression === 'zstd'
        ? zstdCompressSync(tar)
        : tar
  const mediaType = LAYER_TYPE[o.format ?? 'docker'][compression]
  return { ...blob(bytes, mediaType), diffId: digestOf(tar) }
}

export function blob(bytes: Buffer, mediaType: string): Blob {
  return { mediaType, digest: digestOf(bytes), size: bytes.length, bytes }
}

export function jsonBlob(value: unknown, mediaType: string): Blob {
  return blob(Buffer.from(JSON.stringify(value)), mediaType)
}

export function descriptorOf({ mediaType, digest, size }: Blob): {
  mediaType: string
  digest: string
  size: number
} {
  return { mediaType, digest, size }
}

export function makeImage(o: {
  layers: LayerBlob[]
  config?: ImageConfig['config']
  platform?: Platform
  format?: Format
  created?: string
}): MadeImage {
  const oci = o.format === 'oci'
  const { os, architecture, variant } = o.platform ?? { os: 'linux', architecture: 'amd64' }
  const config = jsonBlob(
    {
      architecture,
      os,
      ...(variant !== undefined && { variant }),
      created: o.created ?? '2024-01-02T03:04:05.678901234Z',
      config: o.config ?? {},
      rootfs: { type: 'layers', diff_ids: o.layers.map((layer) => layer.diffId) },
    },
    oci ? MEDIA_TYPE.ociConfig : MEDIA_TYPE.dockerConfig,
  )
  const mediaType = oci ? MEDIA_TYPE.ociManifest : MEDIA_TYPE.dockerManifest
  const manifest = jsonBlob(
    {
      schemaVersion: 2,
      mediaType,
      config: descriptorOf(config),
      layers: o.layers.map(descriptorOf),
    },
    mediaType,
  )
  return { config, layers: o.layers, manifest }
}

export function makeIndex(
  entries: ReadonlyArray<{ image: MadeImage; platform: Platform }>,
  format: Format = 'oci',
): MadeIndex {
  const mediaType = format === 'oci' ? MEDIA_TYPE.ociIndex : MEDIA_TYPE.dockerList
  const manifests = entries.map(({ image, platform }) => ({
    ...descriptorOf(image.manifest),
    platform,
  }))
  const index = jsonBlob({ schemaVersion: 2, mediaType, manifests }, mediaType)
  return { index, images: entries.map((entry) => entry.image) }
}

/** Every applet of busybox as a link, and what a shell needs in /etc. */
export async function busyboxTar(busybox = '/bin/busybox'): Promise<Buffer> {
  const { stdout } = await run(busybox, ['--list-full'])
  const applets = stdout.split('\n').filter((path) => path !== '' && path !== 'bin/busybox')
  const directories = ['bin/', 'sbin/', 'usr/', 'usr/bin/', 'usr/sbin/', 'etc/', 'root/', 'var/']
  return tarOf([
    ...['./', ...directories].map((name) => ({ name, type: 'directory' as const, mode: 0o755 })),
    { name: 'tmp/', type: 'directory', mode: 0o1777 },
    { name: 'bin/busybox', mode: 0o755, content: await readFile(busybox) },
    ...applets
      .filter((path) => directories.some((directory) => path.startsWith(directory)))
      .map((path) => ({ name: path, type: 'link' as const, linkname: 'bin/busybox', mode: 0o755 })),
    { name: 'etc/passwd', mode: 0o644, content: PASSWD },
    { name: 'etc/group', mode: 0o644, content: 'root:x:0:\ndaemon:x:1:\nnogroup:x:65534:\n' },
  ])
}

const PASSWD =
  'root:x:0:0:root:/root:/bin/sh\ndaemon:x:1:1:daemon:/usr/sbin:/bin/false\nnobody:x:65534:65534:nobody:/:/bin/false\n'

let busybox: MadeImage | undefined

/** busybox as its official image is: one layer, `sh` as command. */
export async function busyboxImage(): Promise<MadeImage> {
  busybox ??= makeImage({
    layers: [makeLayer(await busyboxTar())],
    config: {
      Cmd: ['sh'],
      Env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'],
    },
  })
  return busybox
}

/** The tar of a file made before, e.g. of a debootstrapped tree. */
export function readTar(path: string): NodeJS.ReadableStream {
  return createReadStream(path)
}
