/** Streams of a multiplexed response: `[stream, 0, 0, 0, length (u32, big endian)] payload`. */
const headerSize = 8

export type Sink = (stream: 1 | 2, payload: Buffer) => void

/**
 * Takes the frames of a multiplexed stream apart. Payloads are passed on as they arrive, not held
 * until a frame is whole. Throws on a frame of stream 3 (an error of the daemon) and on bytes that
 * are no frames.
 */
export class Demultiplexer {
  private readonly sink: Sink
  private header = Buffer.alloc(0)
  private stream = 0
  private missing = 0
  private systemError: Buffer[] = []

  constructor(sink: Sink) {
    this.sink = sink
  }

  push(chunk: Buffer): void {
    let at = 0
    while (at < chunk.length) {
      if (this.missing === 0) {
        at += this.readHeader(chunk.subarray(at))
        continue
      }
      const payload = chunk.subarray(at, at + this.missing)
      this.missing -= payload.length
      at += payload.length
      this.deliver(payload)
    }
  }

  private readHeader(chunk: Buffer): number {
    const wanted = headerSize - this.header.length
    this.header = Buffer.concat([this.header, chunk.subarray(0, wanted)])
    if (this.header.length === headerSize) {
      this.stream = this.header[0] as number
      this.missing = this.header.readUInt32BE(4)
      this.header = Buffer.alloc(0)
      if (this.stream > 3) throw new Error(`Unrecognized stream: ${this.stream}`)
    }
    return Math.min(wanted, chunk.length)
  }

  private deliver(payload: Buffer): void {
    if (this.stream === 3) {
      this.systemError.push(payload)
      if (this.missing === 0) {
        throw new Error(
          `error from daemon in stream: ${Buffer.concat(this.systemError).toString()}`,
        )
      }
      return
    }
    // Stream 0 is stdin echoed to a reader: shown as stdout.
    this.sink(this.stream === 2 ? 2 : 1, payload)
  }
}
