/** IPv4 and IPv6 addresses and prefixes as numbers, and their text (RFC 4632, 4291, 5952). */
import { isIP } from 'node:net'

export type Family = 4 | 6

export interface Address {
  family: Family
  value: bigint
}

export interface Prefix {
  family: Family
  /** First address of the block. */
  base: bigint
  length: number
}

const BITS: Readonly<Record<Family, number>> = { 4: 32, 6: 128 }
const MAPPED = 0xffffn

/** undefined when `text` is no address; `::ffff:1.2.3.4` is the IPv4 address in it. */
export function parseAddress(text: string): Address | undefined {
  const family = isIP(text)
  if (family === 4) return { family: 4, value: bytesValue(text) }
  if (family !== 6 || text.includes('%')) return undefined
  const value = groupsValue(text)
  return value >> 32n === MAPPED ? { family: 4, value: value & 0xffffffffn } : { family: 6, value }
}

export function formatAddress({ family, value }: Address): string {
  if (family === 4) return [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 255n).join('.')
  const groups = Array.from({ length: 8 }, (_, i) => (value >> BigInt(112 - 16 * i)) & 0xffffn)
  return compressed(groups.map((group) => group.toString(16)))
}

/** `172.17.0.1/16` → the block and the address itself. undefined when it is neither. */
export function parsePrefix(text: string): (Prefix & { address: Address }) | undefined {
  const [addressText = '', lengthText = '', ...rest] = text.split('/')
  const address = parseAddress(addressText)
  if (address === undefined || rest.length > 0 || !/^(?:0|[1-9]\d{0,2})$/.test(lengthText))
    return undefined
  const length = Number(lengthText)
  if (length > BITS[address.family]) return undefined
  return { ...prefixOf(address, length), address }
}

export function formatPrefix(prefix: Prefix): string {
  return `${formatAddress({ family: prefix.family, value: prefix.base })}/${prefix.length}`
}

/** The block of that length which the address lies in. */
export function prefixOf({ family, value }: Address, length: number): Prefix {
  const host = BigInt(BITS[family] - length)
  return { family, base: (value >> host) << host, length }
}

/** A single address as a block. */
export function singlePrefix(address: Address): Prefix {
  return prefixOf(address, BITS[address.family])
}

/** Number of addresses in the block. */
export function sizeOf({ family, length }: Prefix): bigint {
  return 1n << BigInt(BITS[family] - length)
}

export function contains(prefix: Prefix, address: Address): boolean {
  return (
    prefix.family === address.family &&
    address.value >= prefix.base &&
    address.value < prefix.base + sizeOf(prefix)
  )
}

/** Whether all of `inner` lies in `outer`. */
export function covers(outer: Prefix, inner: Prefix): boolean {
  return outer.length <= inner.length && overlaps(outer, inner)
}

export function overlaps(a: Prefix, b: Prefix): boolean {
  return a.family === b.family && a.base < b.base + sizeOf(b) && b.base < a.base + sizeOf(a)
}

export function sameAddress(a: Address | undefined, b: Address | undefined): boolean {
  return a?.family === b?.family && a?.value === b?.value
}

/** `address/length` of the network that the address is in, as devices are given it. */
export function formatHost(address: Address, subnet: Prefix): string {
  return `${formatAddress(address)}/${subnet.length}`
}

/** fe80::/10 or 169.254.0.0/16. */
export function isLinkLocal({ family, value }: Address): boolean {
  return family === 4 ? value >> 16n === 0xa9fen : value >> 118n === 0x3fan
}

/** `02:42` and the four bytes of an IPv4 address, as Docker derived hardware addresses. */
export function macOf({ value }: Address): string {
  const bytes = [24n, 16n, 8n, 0n].map((shift) => Number((value >> shift) & 255n))
  return [0x02, 0x42, ...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(':')
}

function bytesValue(text: string): bigint {
  return text.split('.').reduce((value, byte) => value * 256n + BigInt(byte), 0n)
}

function groupsValue(text: string): bigint {
  const tail = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(text)
  if (tail) {
    const low = bytesValue(tail[2] ?? '')
    return groupsValue(`${tail[1]}${(low >> 16n).toString(16)}:${(low & 0xffffn).toString(16)}`)
  }
  const [head = '', end] = text.split('::')
  const first = head === '' ? [] : head.split(':')
  const last = end === undefined || end === '' ? [] : end.split(':')
  const zeros = Array.from({ length: 8 - first.length - last.length }, () => '0')
  return [...first, ...zeros, ...last].reduce(
    (value, group) => value * 65536n + BigInt(`0x${group}`),
    0n,
  )
}

/** The longest run of two zero groups or more becomes `::` (RFC 5952). */
function compressed(groups: string[]): string {
  let start = -1
  let length = 1
  for (let i = 0; i < groups.length; i++) {
    let end = i
    while (groups[end] === '0') end++
    if (end - i > length) [start, length] = [i, end - i]
  }
  if (start < 0) return groups.join(':')
  return `${groups.slice(0, start).join(':')}::${groups.slice(start + length).join(':')}`
}
