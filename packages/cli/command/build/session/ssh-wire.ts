/** Data types of the SSH protocols (RFC 4251, section 5). */

export class SshReader {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  /** Throws for what ends too early. */
  number(): number {
    return this.bytes(4).readUInt32BE(0)
  }

  string(): Buffer {
    return this.bytes(this.number())
  }

  text(): string {
    return this.string().toString()
  }

  bytes(length: number): Buffer {
    const end = this.#at + length
    if (end > this.#bytes.length) throw new Error('ssh: short read')
    const found = this.#bytes.subarray(this.#at, end)
    this.#at = end
    return found
  }
}

export function sshString(value: Buffer | string): Buffer {
  const bytes = typeof value === 'string' ? Buffer.from(value) : value
  return Buffer.concat([sshNumber(bytes.length), bytes])
}

export function sshNumber(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

/** A number that is not negative, however it is filled up with zeros. */
export function sshMpint(value: Buffer): Buffer {
  let start = 0
  while (start < value.length && value[start] === 0) start++
  const bare = value.subarray(start)
  const signed = (bare[0] ?? 0) >= 0x80
  return sshString(signed ? Buffer.concat([Buffer.alloc(1), bare]) : bare)
}
