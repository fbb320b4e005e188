import { applyPax, blockSize, decodeHeader, padding, parsePax } from './tar-header.ts'
import type { TarHeader } from './tar-header.ts'

export interface TarEntry {
  readonly header: TarHeader
  /** Its content; what is not read is skipped when the next entry is asked for. */
  readonly body: AsyncIterable<Buffer>
}

/** Longest pax header or GNU name taken: a file name has 4 KiB at most. */
const maxMeta = 1 << 20

/** Entries of a tar stream, one after another. Throws on what is no tar, and where it ends early. */
export async function* readTar(source: AsyncIterable<Buffer>): AsyncGenerator<TarEntry> {
  const bytes = new ByteReader(source)
  let pax = new Map<string, string>()
  for (;;) {
    const block = await bytes.block()
    if (block === undefined) return
    const { flag, header: plain } = decodeHeader(block)
    if ('xgLK'.includes(flag)) {
      pax = await readMeta(bytes, flag, plain.size, pax)
      continue
    }
    const header = applyPax(plain, pax)
    pax = new Map()
    const size = header.type === 'file' ? header.size : 0
    const content = { left: size }
    yield { header, body: bytes.take(content) }
    for await (const _ of bytes.take(content));
    await bytes.exactly(padding(size))
  }
}

async function readMeta(
  bytes: ByteReader,
  flag: string,
  size: number,
  before: Map<string, string>,
): Promise<Map<string, string>> {
  if (size > maxMeta) throw new Error('archive/tar: header too long')
  const body = await bytes.exactly(size)
  await bytes.exactly(padding(size))
  if (flag === 'x') return new Map([...before, ...parsePax(body)])
  if (flag === 'g') return before
  const end = body.indexOf(0)
  const text = body.toString('utf8', 0, end < 0 ? body.length : end)
  return new Map([...before, [flag === 'L' ? 'path' : 'linkpath', text]])
}

class ByteReader {
  private readonly source: AsyncIterator<Buffer>
  private rest: Buffer = Buffer.alloc(0)

  constructor(source: AsyncIterable<Buffer>) {
    this.source = source[Symbol.asyncIterator]()
  }

  /** The next header block; undefined at the end mark, or where the stream ends between entries. */
  async block(): Promise<Buffer | undefined> {
    if (this.rest.length === 0 && !(await this.more())) return undefined
    const block = await this.exactly(blockSize)
    if (block.some((byte) => byte !== 0)) return block
    while (await this.more());
    return undefined
  }

  async exactly(count: number): Promise<Buffer> {
    const parts: Buffer[] = []
    for await (const part of this.take({ left: count })) parts.push(part)
    return parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts)
  }

  async *take(content: { left: number }): AsyncGenerator<Buffer> {
    while (content.left > 0) {
      if (this.rest.length === 0 && !(await this.more())) throw new Error('unexpected EOF')
      const part = this.rest.subarray(0, content.left)
      this.rest = this.rest.subarray(part.length)
      content.left -= part.length
      yield part
    }
  }

  private async more(): Promise<boolean> {
    const { done, value } = await this.source.next()
    this.rest = done ? Buffer.alloc(0) : value
    return done !== true
  }
}
