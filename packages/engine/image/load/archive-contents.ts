/**
 * What an archive held, read in one pass: small members in memory, layers unpacked as they came by. Whether
 * anybody wants them is known at the end only.
 */
import type { Readable } from 'node:stream'
import { isDigest } from '@tdocker/oci'
import type { Native } from '@tdocker/kernel'
import { EngineError, system } from '../../base/errors.ts'
import { RollbackScope } from '../../base/scope.ts'
import { compressionOf } from '../../content/inflate.ts'
import { type LayerMakerContext, unpackTar } from '../../content/layer-maker.ts'
import type { SocketBody } from '../../backend-types.ts'
import type { Progress } from '../image-backend.ts'
import { ArchiveLayer, BlobKeeper } from './archive-layer.ts'
import { LayerProgress } from './layer-progress.ts'
import { MemberLinks, cleanName } from './member-names.ts'
import type { MemberReader } from './member-reader.ts'
import { type OuterMember, readOuterTar } from './outer-tar.ts'
import { looksLikeTar } from './tar-head.ts'

/** Members up to this size are kept as they are, whatever they be. */
const SMALL = 64 * 1024
/** Manifests, configs, lists. */
const MAX_DOCUMENT = 8 * 1024 * 1024
const MAX_DOCUMENTS = 128 * 1024 * 1024
const MAX_MEMBERS = 200_000
const MAX_LAYERS = 20_000

/** Too large for what their names say they are: nothing is right about such an archive. */
const TOP_DOCUMENTS: ReadonlySet<string> = new Set([
  'manifest.json',
  'index.json',
  'repositories',
  'oci-layout',
])

export interface ContentsContext extends LayerMakerContext {
  native: Native
}

export class ArchiveContents implements AsyncDisposable {
  readonly #o: ContentsContext
  readonly #signal: AbortSignal
  /** Undefined: nobody wants to know. */
  readonly #progress: Progress | undefined
  readonly #documents = new Map<string, Buffer>()
  readonly #layers = new Map<string, ArchiveLayer>()
  readonly #failures = new Map<string, unknown>()
  readonly #links = new MemberLinks()
  readonly #scope: RollbackScope
  /** A directory for blobs, when there is one. */
  #blobs: string | undefined
  #members = 0
  #documentBytes = 0

  private constructor(o: ContentsContext, signal: AbortSignal, progress: Progress | undefined) {
    this.#o = o
    this.#signal = signal
    this.#progress = progress
    this.#scope = new RollbackScope(o.onError)
  }

  /** Reads to the end. Throws what is wrong with the archive itself, and leaves nothing then. */
  static async read(
    o: ContentsContext,
    body: Readable | SocketBody,
    { signal, progress }: { signal: AbortSignal; progress: Progress | undefined },
  ): Promise<ArchiveContents> {
    const contents = new ArchiveContents(o, signal, progress)
    try {
      await readOuterTar(o.native, body, signal, (member) => contents.#take(member))
      return contents
    } catch (error) {
      await contents[Symbol.asyncDispose]()
      throw error
    }
  }

  /** Names of members that are kept in memory. */
  get documentNames(): Iterable<string> {
    return this.#documents.keys()
  }

  /** A small member; links are followed. */
  findDocument(path: string): Buffer | undefined {
    const name = this.#links.resolve(path)
    const failure = this.#failures.get(name)
    if (failure !== undefined) throw failure
    return this.#documents.get(name)
  }

  /** Throws moby's sentence when there is none. */
  document(path: string): Buffer {
    const found = this.findDocument(path)
    if (!found) throw noSuchFile(path)
    return found
  }

  /** The layer that a path means; the archive keeps it. */
  async layer(path: string): Promise<ArchiveLayer> {
    const name = this.#links.resolve(path)
    const known = this.#layers.get(name)
    if (known) return known
    const small = this.findDocument(path)
    if (!small) throw noSuchFile(path)
    const layer = await this.#unpack(name, [small], small, small.length)
    this.#layers.set(name, layer)
    return layer
  }

  async #take({ header, content }: OuterMember): Promise<void> {
    this.#signal.throwIfAborted()
    if (++this.#members > MAX_MEMBERS) throw system('invalid archive: too many members')
    const name = cleanName(header.name)
    if (header.type === 'directory') return
    await this.#forget(name)
    switch (header.type) {
      case 'symlink':
        return this.#links.addSymlink(name, header.linkname ?? '')
      case 'link':
        return this.#links.addHardLink(name, header.linkname ?? '')
      case 'file':
      case 'contiguous-file':
        return this.#takeFile(name, content)
      default:
      // Devices and the like stand for nothing here.
    }
  }

  /** The last of several members of one name is the one that counts, as in a directory. */
  async #forget(name: string): Promise<void> {
    await this.#layers.get(name)?.dispose()
    this.#layers.delete(name)
    this.#documentBytes -= this.#documents.get(name)?.length ?? 0
    this.#documents.delete(name)
    this.#failures.delete(name)
    this.#links.delete(name)
  }

  async #takeFile(name: string, content: MemberReader): Promise<void> {
    const isTop = TOP_DOCUMENTS.has(name)
    if (isTop && content.size > MAX_DOCUMENT) {
      throw system(`invalid archive: ${name} is too large (${content.size} bytes)`)
    }
    if (isTop || content.size <= SMALL) return this.#takeDocument(name, content)
    const head = await content.peek()
    if (isJson(head)) {
      if (content.size <= MAX_DOCUMENT) return this.#takeDocument(name, content)
      this.#failures.set(name, system(`invalid archive: ${name} is too large`))
    } else if (compressionOf(head) !== 'none' || looksLikeTar(head)) {
      await this.#takeLayer(name, content, head)
    } else {
      this.#failures.set(name, system('archive/tar: invalid tar header'))
    }
  }

  async #takeDocument(name: string, content: MemberReader): Promise<void> {
    this.#documentBytes += content.size
    if (this.#documentBytes > MAX_DOCUMENTS) throw system('invalid archive: too many documents')
    // A copy: a slice would hold the whole piece that it came in.
    this.#documents.set(name, Buffer.from(await content.all()))
  }

  async #takeLayer(name: string, content: MemberReader, head: Buffer): Promise<void> {
    const known = this.#known(name)
    if (known) {
      this.#layers.set(name, new ArchiveLayer(this.#o, { known }))
      return
    }
    if (this.#layers.size >= MAX_LAYERS) throw system('invalid archive: too many layers')
    try {
      const pieces = piecesOf(content, compressionOf(head) !== 'none')
      this.#layers.set(name, await this.#unpack(name, pieces, head, content.size))
    } catch (error) {
      // The archive itself is broken, or it is not the archive's fault: nothing more can come of it.
      if (content.failure !== undefined) throw content.failure
      if (this.#signal.aborted || !(error instanceof EngineError)) throw error
      this.#failures.set(name, error)
    }
  }

  /** Where the name is a digest, what it names may be here already. */
  #known(name: string): ReturnType<LayerMakerContext['layers']['acquireByDigest']> {
    const hex = /(?:^|\/)([0-9a-f]{64})(?:\.tar(?:\.gz)?)?$/.exec(name)?.[1]
    return hex === undefined ? undefined : this.#o.layers.acquireByDigest(`sha256:${hex}`)
  }

  async #unpack(
    name: string,
    pieces: Iterable<Buffer> | AsyncIterable<Buffer>,
    head: Buffer,
    size: number,
  ): Promise<ArchiveLayer> {
    const shown = new LayerProgress(this.#progress, { name, size })
    const keeper = await this.#keeper(name, head)
    try {
      const counted = shown.count(pieces)
      const tar = await unpackTar(this.#o, keeper?.tee(counted) ?? counted, this.#signal)
      try {
        shown.finish(tar.diffId)
        return new ArchiveLayer(this.#o, { tar, blob: await keeper?.finish() })
      } catch (error) {
        await tar[Symbol.asyncDispose]()
        throw error
      }
    } catch (error) {
      await keeper?.discard()
      throw error
    }
  }

  /** Blobs of an OCI layout are kept as they came, so that a push sends them once more. */
  async #keeper(name: string, head: Buffer): Promise<BlobKeeper | undefined> {
    const digest = blobDigest(name)
    if (digest === undefined) return undefined
    const compression = compressionOf(head)
    if (compression === 'none') return undefined
    // With the row of a layer being unpacked, so that a crash leaves nothing.
    this.#blobs ??= (await this.#o.layers.createWorkspace('', this.#scope)).diff
    const file = `${this.#members}`
    return BlobKeeper.open({ digest, compression, directory: this.#blobs, name: file })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const layer of this.#layers.values()) await layer.dispose()
    this.#layers.clear()
    await this.#scope[Symbol.asyncDispose]()
  }
}

/** `blobs/ALGORITHM/HEX` of an OCI layout. */
export function blobDigest(name: string): string | undefined {
  const [, algorithm, hex] = /^blobs\/([^/]+)\/([^/]+)$/.exec(name) ?? []
  const digest = `${algorithm}:${hex}`
  return hex !== undefined && isDigest(digest) ? digest : undefined
}

async function* piecesOf(content: MemberReader, isCompressed: boolean): AsyncGenerator<Buffer> {
  // What inflates takes several pieces ahead.
  const next = (): Promise<Buffer | undefined> =>
    isCompressed ? content.next() : content.nextLent()
  for (let piece = await next(); piece; piece = await next()) yield piece
}

function isJson(head: Buffer): boolean {
  return /^\s*[{[]/.test(head.toString('latin1', 0, 64))
}

function noSuchFile(path: string): EngineError {
  return system(`open /${cleanName(path)}: no such file or directory`)
}
