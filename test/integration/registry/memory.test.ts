/** How much memory the daemon takes to pull layers far larger than that; pull-memory.full.test.ts has more. */
import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import { test } from 'node:test'
import { MEDIA_TYPE } from '@tdocker/oci'
import { type LayerBlob, makeImage } from '../../lib/image-maker.ts'
import { type Fault, FaultRegistry } from '../../lib/registry.ts'
import { TestDaemon } from '../../lib/test-daemon.ts'

const MB = 1024 * 1024
const BLOCK = 512
const COUNT = 4
/** More than before. */
const LIMIT_MB = 120

/** A tar with one file of noise, never whole in memory: the same megabyte again and again. */
class BigLayer {
  readonly blob: LayerBlob
  readonly #head: Buffer
  readonly #noise: Buffer
  readonly #size: number

  constructor(name: string, size: number, noise: Buffer) {
    this.#head = header(name, size)
    this.#noise = noise
    this.#size = size
    const hash = createHash('sha256')
    for (const piece of this.pieces()) hash.update(piece)
    const digest = `sha256:${hash.digest('hex')}`
    const length = BLOCK + size + 2 * BLOCK
    const mediaType = MEDIA_TYPE.dockerLayer
    this.blob = { mediaType, digest, size: length, bytes: Buffer.alloc(0), diffId: digest }
  }

  *pieces(): Generator<Buffer> {
    const head = this.#head
    yield head
    for (let at = 0; at < this.#size; at += this.#noise.length) yield this.#noise
    yield Buffer.alloc(2 * BLOCK)
  }

  async sendTo(response: ServerResponse): Promise<void> {
    response.writeHead(200, { 'content-length': this.blob.size })
    const closed = once(response, 'close')
    for (const piece of this.pieces()) {
      if (response.destroyed) return
      // A client that goes ends the wait, too.
      if (!response.write(piece)) await Promise.race([once(response, 'drain'), closed])
    }
    response.end()
  }
}

/** A ustar header (POSIX.1-1988) of a plain file. */
function header(name: string, size: number): Buffer {
  const block = Buffer.alloc(BLOCK)
  const put = (text: string, at: number): void => void block.write(text, at, 'latin1')
  put(name, 0)
  put('0000644\0', 100)
  put('0000000\0', 108)
  put('0000000\0', 116)
  put(`${size.toString(8).padStart(11, '0')}\0`, 124)
  put('14524303400\0', 136)
  put('        ', 148)
  put('0', 156)
  put('ustar\x0000', 257)
  const sum = block.reduce((total, byte) => total + byte, 0)
  put(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
  return block
}

/** Highest resident memory of a process so far, in bytes (proc_pid_status(5)). */
function peak(pid: number): number {
  const kilobytes = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  return Number(kilobytes) * 1024
}

test('four layers of 150 MB take no memory of their size', async () => {
  const noise = randomBytes(MB)
  const layers = Array.from(
    { length: COUNT },
    (_, at) => new BigLayer(`large-${at}`, 150 * MB, noise),
  )
  await using registry = await FaultRegistry.start()
  registry.add('large:1', makeImage({ layers: layers.map((layer) => layer.blob) }))
  const serve: Fault = async (_request, response, url) => {
    const layer = layers.find(({ blob }) => url.pathname.endsWith(blob.digest))
    await layer?.sendTo(response)
    return layer !== undefined
  }
  registry.faults.push(serve)
  await using daemon = await TestDaemon.start({ busybox: false, base: '/var/tmp' })
  const before = peak(daemon.pid)
  const path = `/images/create?fromImage=${encodeURIComponent(`${registry.host}/large`)}&tag=1`
  const { status, text } = await daemon.api.request('POST', path)
  assert.equal(status, 200)
  assert.match(text, /Status: Downloaded newer image/, text.slice(-1000))
  const [used, idle] = [peak(daemon.pid), before].map((bytes) => Math.round(bytes / MB))
  console.log(`peak ${used} MB, ${idle} MB before`)
  assert.ok(Number(used) - Number(idle) < LIMIT_MB, `${used} MB, ${idle} MB before`)
})
