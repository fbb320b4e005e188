/**
 * Docker's multiplexed stream (stdcopy): where a process has no terminal, its output travels in
 * frames of [stream, 0, 0, 0, length as big-endian u32, payload].
 */
export const frameHeaderSize = 8

export const frameStream = { stdin: 0, stdout: 1, stderr: 2, systemError: 3 } as const
export type FrameStream = (typeof frameStream)[keyof typeof frameStream]

export interface Frame {
  stream: FrameStream
  payload: Buffer
}

export function encodeFrame(stream: FrameStream, payload: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(frameHeaderSize + payload.length)
  frame.writeUInt32BE(stream << 24, 0)
  frame.writeUInt32BE(payload.length, 4)
  frame.set(payload, frameHeaderSize)
  return frame
}

/**
 * Cuts a byte stream into frames. A payload is handed on as it arrives, so one frame on the wire
 * may come out as several of the same stream: nothing is ever held back but a part of a header.
 */
export class FrameDecoder {
  #header = Buffer.alloc(0)
  #stream: FrameStream = frameStream.stdout
  #missing = 0

  /** True in the middle of a frame: a stream that ends here was cut off. */
  get incomplete(): boolean {
    return this.#missing > 0 || this.#header.length > 0
  }

  /** Throws on a stream byte that does not exist. */
  *feed(chunk: Buffer): Generator<Frame> {
    let rest = chunk
    while (rest.length > 0) {
      if (this.#missing === 0) {
        rest = this.#readHeader(rest)
        continue
      }
      const payload = rest.subarray(0, this.#missing)
      this.#missing -= payload.length
      rest = rest.subarray(payload.length)
      yield { stream: this.#stream, payload }
    }
  }

  #readHeader(chunk: Buffer): Buffer {
    const wanted = frameHeaderSize - this.#header.length
    const header = Buffer.concat([this.#header, chunk.subarray(0, wanted)])
    this.#header = header
    if (header.length < frameHeaderSize) return chunk.subarray(chunk.length)
    this.#header = Buffer.alloc(0)
    this.#stream = streamOf(header[0] ?? 0)
    this.#missing = header.readUInt32BE(4)
    return chunk.subarray(wanted)
  }
}

function streamOf(byte: number): FrameStream {
  if (byte <= frameStream.systemError) return byte as FrameStream
  throw new Error(`Unrecognized input header: ${byte}`)
}
