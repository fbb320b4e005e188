/** IPv4 addresses and prefixes as numbers, and their text. */

export interface Prefix {
  /** First address of the block, as an unsigned 32-bit number. */
  base: number
  length: number
}

/** undefined when `text` is not four decimal bytes. */
export function parseAddress(text: string): number | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text)
  if (match === null) return undefined
  let value = 0
  for (const part of match.slice(1)) {
    const byte = Number(part)
    if (byte > 255 || (part.length > 1 && part.startsWith('0'))) return undefined
    value = value * 256 + byte
  }
  return value
}

export function formatAddress(address: number): string {
  return [24, 16, 8, 0].map((shift) => (address >>> shift) & 255).join('.')
}

/** `172.17.0.1/16` → the block and the address itself. undefined when it is neither. */
export function parsePrefix(text: string): (Prefix & { address: number }) | undefined {
  const [addressText = '', lengthText = '', ...rest] = text.split('/')
  const address = parseAddress(addressText)
  const length = Number(lengthText)
  if (address === undefined || rest.length > 0 || !/^\d{1,2}$/.test(lengthText)) return undefined
  if (length > 32) return undefined
  return { base: baseOf(address, length), length, address }
}

export function formatPrefix(prefix: Prefix): string {
  return `${formatAddress(prefix.base)}/${prefix.length}`
}

/** Number of addresses in the block. */
export function sizeOf(prefix: Prefix): number {
  return 2 ** (32 - prefix.length)
}

export function contains(prefix: Prefix, address: number): boolean {
  return address >= prefix.base && address < prefix.base + sizeOf(prefix)
}

export function overlaps(a: Prefix, b: Prefix): boolean {
  return a.base < b.base + sizeOf(b) && b.base < a.base + sizeOf(a)
}

/** The hardware address Docker derives from an IPv4 address: `02:42` and its four bytes. */
export function macOf(address: number): string {
  const bytes = [24, 16, 8, 0].map((shift) => (address >>> shift) & 255)
  return [0x02, 0x42, ...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(':')
}

function baseOf(address: number, length: number): number {
  const size = 2 ** (32 - length)
  return address - (address % size)
}
