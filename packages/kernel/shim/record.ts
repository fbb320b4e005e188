/** Version of the plan's layout, its first byte. The shim refuses any other. */
export const PLAN_VERSION = 1

/**
 * Collects the records of a plan: `u32 length` (little endian), then the fields, each ended by NUL,
 * then, for the few records that have it, raw bytes up to the record's end.
 */
export class RecordWriter {
  readonly #parts: Buffer[] = [Buffer.from([PLAN_VERSION])]

  /** Throws RangeError when a field holds a NUL, which would shift all fields behind it. */
  add(name: string, fields: readonly Field[] = [], tail?: Uint8Array): void {
    const text = [name, ...fields].map(fieldText).join('')
    const head = Buffer.alloc(4)
    const body = Buffer.from(text, 'utf8')
    head.writeUInt32LE(body.length + (tail?.length ?? 0))
    this.#parts.push(head, body)
    if (tail !== undefined) this.#parts.push(Buffer.from(tail))
  }

  finish(): Buffer {
    return Buffer.concat(this.#parts)
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
