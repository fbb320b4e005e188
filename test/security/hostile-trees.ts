/** Hostile archives through the native code alone, in a directory that is looked at from outside. */
import assert from 'node:assert/strict'
import { openSync, closeSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { Inflater } from '@tdocker/engine/content/inflate.ts'
import { LayerUnpacker, type Extracted } from '@tdocker/engine/content/layer-unpacker.ts'
import { loadNative } from '@tdocker/kernel/load-native.ts'
import type { Native } from '@tdocker/kernel/native.ts'
import { WatchedTree } from './watched-tree.ts'

export const native: Native = loadNative()
/** As much as an archive may hold here. */
const MAX_BYTES = 64 << 20
const MAX_ENTRIES = 100_000

export interface Tried {
  /** What the layer extractor made of it; undefined when it refused. */
  extracted?: Extracted
  error?: Error & { code?: string }
}

/** One directory for layers, with a canary beside it. */
export class Arena implements Disposable {
  readonly base: string
  readonly canary: WatchedTree
  /** Where an archive is unpacked: empty before each. */
  readonly dir: string

  constructor() {
    this.base = mkdtempSync('/dev/shm/tdocker-arena-')
    this.canary = new WatchedTree(join(this.base, 'outside'))
    this.dir = join(this.base, 'layer')
  }

  /** As a layer. The directory stays to be looked at. */
  async extract(archive: Buffer, chunk: number = archive.length): Promise<Tried> {
    mkdirSync(this.dir)
    const limits = { dir: this.dir, maxBytes: MAX_BYTES, maxEntries: MAX_ENTRIES }
    const unpacker = new LayerUnpacker(native.layerExtractor(limits), 'sha256', (format) =>
      native.decompressor(format),
    )
    try {
      for (let at = 0; at < archive.length; at += chunk)
        await unpacker.write(archive.subarray(at, at + chunk))
      const { extracted } = await unpacker.end()
      return { extracted }
    } catch (error) {
      return { error: error as Error }
    } finally {
      unpacker.abort()
    }
  }

  /** Into a live tree. */
  async unpack(archive: Buffer): Promise<Tried> {
    mkdirSync(this.dir)
    const fd = openSync(this.dir, 'r')
    const unpacker = native.tarUnpacker({ fd })
    closeSync(fd)
    const inflater = new Inflater(
      (part) => unpacker.feed(part),
      (format) => native.decompressor(format),
    )
    try {
      await inflater.write(archive)
      await inflater.end()
      await unpacker.end()
      return {}
    } catch (error) {
      return { error: error as Error }
    } finally {
      inflater.abort()
      await unpacker.abort()
    }
  }

  /** Rebuilds the archive that was extracted; undefined when it says that it cannot. */
  async rebuild(extracted: Extracted): Promise<Buffer | undefined> {
    let rebuilder
    try {
      rebuilder = native.layerRebuilder({ dir: this.dir, metadata: extracted.metadata })
    } catch (error) {
      assert.equal((error as { code?: string }).code, 'ENODATA')
      return undefined
    }
    const parts: Buffer[] = []
    try {
      for (let part = await rebuilder.read(); part; part = await rebuilder.read()) parts.push(part)
    } finally {
      rebuilder.close()
    }
    return Buffer.concat(parts)
  }

  /** Nothing but the layer was touched; empties it. */
  async clear(what: string): Promise<void> {
    this.canary.unharmed(what)
    assert.deepEqual(readdirSync(this.base).sort(), ['layer', 'outside'], what)
    await native.removeTree(this.dir)
  }

  [Symbol.dispose](): void {
    this.canary.unharmed('all of them', false)
    rmSync(this.base, { recursive: true, force: true })
  }
}
