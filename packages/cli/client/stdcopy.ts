/** Streams of a multiplexed response: `[stream, 0, 0, 0, length (u32, big endian)] payload`. */
const headerSize = 8

export type Sink = (stream: 1 | 2, payload: Buffer) => void

/**
 * Takes the frames of a multiplexed stream apart. Payloads are passed on as they arrive, not held
 * until a frame is whole; neighbours of one stream within a chunk are passed on together, because
 * a program that writes line by line makes a frame of each line. Throws on a frame of stream 3 (an
 * error of the daemon) and on bytes that are no frames.
 */
export class Demultiplexer {
  private readonly sink: Sink
  private header: Buffer = Buffer.alloc(0)
  private stream = 0
  private missing = 0
  private systemError: Buffer[] = []
  private run: Buffer[] = []
  private runStream: 1 | 2 = 1

  constructor(sink: Sink) {
    this.sink = sink
  }

  push(chunk: Buffer): void {
    let at = 0
    while (at < chunk.length) {
      if (this.missing === 0) {
        at = this.readHeader(chunk, at)
        continue
      }
      const end = Math.min(chunk.length, at + this.missing)
      this.missing -= end - at
      this.deliver(chunk.subarray(at, end))
      at = end
    }
    this.flush()
  }

  /** Takes a header, or as much of it as there is; answers where to go on. */
  private readHeader(chunk: Buffer, at: number): number {
    if (this.header.length === 0 && chunk.length - at >= headerSize) {
      this.begin(chunk[at] as number, chunk.readUInt32BE(at + 4))
      return at + headerSize
    }
    const end = Math.min(chunk.length, at + headerSize - this.header.length)
    this.header = Buffer.concat([this.header, chunk.subarray(at, end)])
    if (this.header.length === headerSize) {
      this.begin(this.header[0] as number, this.header.readUInt32BE(4))
      this.header = Buffer.alloc(0)
    }
    return end
  }

  private begin(stream: number, length: number): void {
    if (stream > 3) throw new Error(`Unrecognized stream: ${stream}`)
    this.stream = stream
    this.missing = length
  }

  private deliver(payload: Buffer): void {
    if (this.stream === 3) {
      this.systemError.push(payload)
      if (this.missing > 0) return
      throw new Error(`error from daemon in stream: ${Buffer.concat(this.systemError).toString()}`)
    }
    // Stream 0 is stdin shown to a reader: it goes to stdout.
    const stream = this.stream === 2 ? 2 : 1
    if (stream !== this.runStream) this.flush()
    this.runStream = stream
    this.run.push(payload)
  }

  private flush(): void {
    const { run } = this
    if (run.length === 0) return
    this.run = []
    this.sink(this.runStream, run.length === 1 ? (run[0] as Buffer) : Buffer.concat(run))
  }
}
