/** Version of the plan's layout, its first byte. The shim refuses any other. */
export const PLAN_VERSION = 1

/**
 * Collects the records of a plan: `u32 length` (little endian), then the fields, each ended by NUL,
 * then, for the few records that have it, raw bytes up to the record's end.
 */
export class RecordWriter {
  #buffer = Buffer.allocUnsafe(8192)
  #size = this.#buffer.writeUInt8(PLAN_VERSION, 0)

  /** Throws RangeError when a field holds a NUL, which would shift all fields behind it. */
  add(name: string, fields: readonly Field[] = [], tail?: Uint8Array): void {
    let text = fieldText(name)
    for (const field of fields) text += fieldText(field)
    // A UTF-16 unit is three bytes of UTF-8 at most.
    this.#reserve(4 + 3 * text.length + (tail?.length ?? 0))
    const body = this.#size + 4
    let end = body + this.#buffer.write(text, body, 'utf8')
    if (tail !== undefined) {
      this.#buffer.set(tail, end)
      end += tail.length
    }
    this.#buffer.writeUInt32LE(end - body, this.#size)
    this.#size = end
  }

  finish(): Buffer {
    return this.#buffer.subarray(0, this.#size)
  }

  #reserve(bytes: number): void {
    if (this.#size + bytes <= this.#buffer.length) return
    const larger = Buffer.allocUnsafe(Math.max(2 * this.#buffer.length, this.#size + bytes))
    this.#buffer.copy(larger, 0, 0, this.#size)
    this.#buffer = larger
  }
}

export type Field = string | number | bigint | boolean

function fieldText(field: Field): string {
  if (typeof field === 'boolean') return field ? '1\0' : '0\0'
  if (typeof field === 'number' && !Number.isSafeInteger(field))
    throw new RangeError(`not an integer in a launch plan: ${field}`)
  const text = String(field)
  if (text.includes('\0')) throw new RangeError('NUL byte in a launch plan')
  return `${text}\0`
}
