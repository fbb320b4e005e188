import { fixedNanoTime, type LogLine } from './json-line.ts'

export interface FrameOptions {
  timestamps: boolean
  /** Prefix each line with its attrs, `k=v,k2=v2 `. */
  details: boolean
  /** Raw bytes instead of stdcopy frames. */
  tty: boolean
  /** One JSON object per line instead, each behind `jsonPrefix`. */
  json?: { prefix: string }
}

/** Appends lines to one growing buffer, framed unless on a tty. */
export class FrameWriter {
  #buffer: Buffer
  #length = 0
  readonly #options: FrameOptions

  constructor(expected: number, options: FrameOptions) {
    this.#buffer = Buffer.allocUnsafe(expected + 1024)
    this.#options = options
  }

  write(line: LogLine): void {
    const { json } = this.#options
    if (json) return this.#append(Buffer.from(json.prefix + this.#object(line)))
    const prefix = this.#prefix(line)
    const size = prefix.length + line.payload.length
    this.#reserve(8 + size)
    if (!this.#options.tty) {
      this.#buffer.writeUInt32BE(line.stream << 24, this.#length)
      this.#buffer.writeUInt32BE(size, this.#length + 4)
      this.#length += 8
    }
    if (prefix.length > 0) this.#length += this.#buffer.write(prefix, this.#length, 'latin1')
    this.#append(line.payload)
  }

  bytes(): Buffer {
    return this.#buffer.subarray(0, this.#length)
  }

  #prefix(line: LogLine): string {
    const { timestamps, details } = this.#options
    if (!timestamps && !details) return ''
    let prefix = timestamps ? `${fixedNanoTime(line.time)} ` : ''
    if (details) prefix += `${detailText(line.attrs ?? {})} `
    return prefix
  }

  /** moby's jsonLogMessage. */
  #object(line: LogLine): string {
    const attrs = Object.entries(this.#options.details ? (line.attrs ?? {}) : {})
    const text = JSON.stringify({
      ...(line.payload.length > 0 && { Line: Buffer.from(line.payload).toString() }),
      Source: line.stream === 2 ? 'stderr' : 'stdout',
      Timestamp: line.time,
      ...(attrs.length > 0 && { Attrs: attrs.map(([Key, Value]) => ({ Key, Value })) }),
    })
    return `${text}\n`
  }

  #append(bytes: Uint8Array): void {
    this.#reserve(bytes.length)
    this.#buffer.set(bytes, this.#length)
    this.#length += bytes.length
  }

  #reserve(bytes: number): void {
    if (this.#length + bytes <= this.#buffer.length) return
    const larger = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, this.#length + bytes))
    this.#buffer.copy(larger, 0, 0, this.#length)
    this.#buffer = larger
  }
}

/** `k=v,k2=v2`, sorted, escaped as Go's url.QueryEscape does: ASCII only. */
function detailText(attrs: Readonly<Record<string, string>>): string {
  return Object.keys(attrs)
    .sort()
    .map((key) => `${queryEscape(key)}=${queryEscape(attrs[key]!)}`)
    .join(',')
}

function queryEscape(text: string): string {
  return encodeURIComponent(text.toWellFormed())
    .replace(/[!'()*]/g, (each) => `%${each.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll('%20', '+')
}
