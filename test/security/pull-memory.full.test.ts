/**
 * Ten layers of a gigabyte each: what the daemon holds of them at a time. The daemon is the one that
 * `scripts/build` made, as users run it.
 */
import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { createGzip, createZstdCompress } from 'node:zlib'
import { MEDIA_TYPE } from '@tdocker/oci'
import { tarEntry } from '../integration/kernel/tar-maker.ts'
import { type LayerBlob, makeImage } from '../lib/image-maker.ts'
import { type Fault, FaultRegistry } from '../lib/registry.ts'
import { TestDaemon } from '../lib/test-daemon.ts'

const MIB = 1 << 20
const SIZE = 1024 * MIB
const LIMIT_MIB = 200

/** A tar of one file of a gigabyte: `block` again and again. */
function* tar(name: string, block: Buffer): Generator<Buffer> {
  yield tarEntry({ name, size: SIZE })
  for (let sent = 0; sent < SIZE; sent += block.length) yield block
  yield Buffer.alloc(1024)
}

const hex = (hash: ReturnType<typeof createHash>): string => `sha256:${hash.digest('hex')}`

/** Compressed it is small enough to be kept. */
async function packed(name: string, how: 'gzip' | 'zstd'): Promise<LayerBlob> {
  const [plain, parts] = [createHash('sha256'), [] as Buffer[]]
  const zeros = Buffer.alloc(MIB)
  const counted = function* (): Generator<Buffer> {
    for (const part of tar(name, zeros)) {
      plain.update(part)
      yield part
    }
  }
  const source = Readable.from(counted())
  const pack = how === 'gzip' ? createGzip({ level: 1 }) : createZstdCompress()
  await pipeline(source, pack, async (packed: AsyncIterable<Buffer>) => {
    for await (const part of packed) parts.push(part)
  })
  const bytes = Buffer.concat(parts)
  const mediaType = how === 'gzip' ? MEDIA_TYPE.ociLayerGzip : MEDIA_TYPE.ociLayerZstd
  const digest = hex(createHash('sha256').update(bytes))
  return { mediaType, bytes, size: bytes.length, digest, diffId: hex(plain) }
}

/** A gigabyte on the wire as well, made while it is sent. */
function noise(name: string): { layer: LayerBlob; fault: Fault } {
  const block = randomBytes(MIB)
  const hash = createHash('sha256')
  let size = 0
  for (const part of tar(name, block)) {
    hash.update(part)
    size += part.length
  }
  const digest = hex(hash)
  const fault: Fault = async (request, response, url) => {
    if (request.method !== 'GET' || !url.pathname.endsWith(digest)) return false
    response.writeHead(200, { 'content-length': size })
    for (const part of tar(name, block)) if (!response.write(part)) await once(response, 'drain')
    response.end()
    return true
  }
  const mediaType = MEDIA_TYPE.ociLayer
  return { layer: { mediaType, bytes: Buffer.alloc(0), size, digest, diffId: digest }, fault }
}

/** MiB, of /proc/PID/status. */
function memory(pid: number, field: 'VmHWM' | 'VmRSS' | 'RssAnon'): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(new RegExp(`${field}:\\s+(\\d+)`).exec(status)?.[1] ?? NaN) / 1024
}

test('ten layers of 1 GB are pulled in less than 200 MB', async (t) => {
  await using registry = await FaultRegistry.start()
  const layers: LayerBlob[] = []
  for (let at = 0; at < 4; at++) {
    layers.push(await packed(`gzip-${at}`, 'gzip'), await packed(`zstd-${at}`, 'zstd'))
  }
  for (const name of ['plain-0', 'plain-1']) {
    const { layer, fault } = noise(name)
    layers.push(layer)
    registry.faults.push(fault)
  }
  registry.add('large:1', makeImage({ layers, format: 'oci' }))
  // On a disk: what the layers take there shall not be counted as memory of this machine.
  await using daemon = await TestDaemon.start({ base: '/var/tmp', busybox: false, built: true })
  const idle = memory(daemon.pid, 'VmRSS')
  // Sets the peak back to what is held now; proc_pid_clear_refs(5).
  writeFileSync(`/proc/${daemon.pid}/clear_refs`, '5')
  const started = performance.now()
  const reference = encodeURIComponent(`${registry.host}/large:1`)
  const answer = await daemon.api.post(`/images/create?fromImage=${reference}`)
  assert.match(answer.text, /Downloaded newer image/, answer.text.slice(-500))
  const seconds = (performance.now() - started) / 1000
  const peak = memory(daemon.pid, 'VmHWM')
  const anonymous = memory(daemon.pid, 'RssAnon')
  t.diagnostic(
    `peak ${peak.toFixed(0)} MiB (idle ${idle.toFixed(0)}, private after ${anonymous.toFixed(0)}), ${seconds.toFixed(0)} s`,
  )
  assert.ok(peak < LIMIT_MIB, `${peak} MiB`)
})
