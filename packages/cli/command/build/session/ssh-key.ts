/** Private keys that are not encrypted, as an agent uses them (RFC 4253, 5656, 8332, 8709). */
import { createPrivateKey, sign, type JsonWebKey, type KeyObject } from 'node:crypto'
import { SshReader, sshMpint, sshString } from './ssh-wire.ts'

export interface SshKey {
  /** The public key. */
  readonly blob: Buffer
  /** A signature; `flags` are the agent's, which choose RSA's digest. */
  sign(data: Buffer, flags: number): Buffer
}

const RSA_SHA2_256 = 2
const RSA_SHA2_512 = 4

const CURVES: Readonly<Record<string, { name: string; hash: string; size: number }>> = {
  'P-256': { name: 'nistp256', hash: 'sha256', size: 32 },
  'P-384': { name: 'nistp384', hash: 'sha384', size: 48 },
  'P-521': { name: 'nistp521', hash: 'sha512', size: 66 },
}

/** Text of a key file: OpenSSH's own form, or PEM. Throws what is wrong with it. */
export function parseSshKey(text: string): SshKey {
  const armor = /-----BEGIN OPENSSH PRIVATE KEY-----([^-]+)-----END/.exec(text)
  if (armor) return keyOf(openSshKey(Buffer.from(armor[1] ?? '', 'base64')))
  if (!text.includes('-----BEGIN ')) throw new Error('ssh: no key found')
  if (/ENCRYPTED/.test(text)) throw isProtected()
  return keyOf(createPrivateKey(text))
}

function isProtected(): Error {
  return new Error('ssh: this private key is passphrase protected: add it to an agent')
}

/** PROTOCOL.key of OpenSSH. */
function openSshKey(bytes: Buffer): KeyObject {
  const magic = 'openssh-key-v1\0'
  if (bytes.toString('latin1', 0, magic.length) !== magic)
    throw new Error('ssh: invalid openssh private key format')
  const outer = new SshReader(bytes.subarray(magic.length))
  if (outer.text() !== 'none') throw isProtected()
  outer.string()
  outer.string()
  if (outer.number() !== 1) throw new Error('ssh: multi-key files are not supported')
  outer.string()
  const inner = new SshReader(outer.string())
  inner.bytes(8)
  return createPrivateKey({ key: jwkOf(inner.text(), inner), format: 'jwk' })
}

function jwkOf(type: string, fields: SshReader): JsonWebKey {
  if (type === 'ssh-ed25519') {
    const x = base64(fields.string())
    return { kty: 'OKP', crv: 'Ed25519', x, d: base64(fields.string().subarray(0, 32)) }
  }
  if (type === 'ssh-rsa') return rsaJwk(fields)
  const curve = Object.entries(CURVES).find(([, { name }]) => type === `ecdsa-sha2-${name}`)
  if (!curve) throw new Error(`ssh: unhandled key type ${JSON.stringify(type)}`)
  const [crv, { size }] = curve
  fields.string()
  const point = fields.string()
  const number = fields.string()
  const d = Buffer.concat([Buffer.alloc(size), number]).subarray(-size)
  const [x, y] = [point.subarray(1, 1 + size), point.subarray(1 + size)]
  return { kty: 'EC', crv, x: base64(x), y: base64(y), d: base64(d) }
}

function rsaJwk(fields: SshReader): JsonWebKey {
  const [n, e, d, qi, p, q] = Array.from({ length: 6 }, () => fields.string()) as [
    ...[Buffer, Buffer, Buffer],
    ...[Buffer, Buffer, Buffer],
  ]
  const remainder = (prime: Buffer): Buffer => fromBig(big(d) % (big(prime) - 1n))
  const numbers = { n, e, d, p, q, qi, dp: remainder(p), dq: remainder(q) }
  const encoded = Object.entries(numbers).map(([key, value]) => [key, base64(withoutZeros(value))])
  return { kty: 'RSA', ...(Object.fromEntries(encoded) as Record<string, string>) }
}

const big = (bytes: Buffer): bigint => BigInt(`0x${bytes.toString('hex')}`)

function fromBig(value: bigint): Buffer {
  const hex = value.toString(16)
  return Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex')
}

const base64 = (bytes: Buffer): string => bytes.toString('base64url')

function withoutZeros(bytes: Buffer): Buffer {
  let start = 0
  while (bytes[start] === 0) start++
  return bytes.subarray(start)
}

function keyOf(key: KeyObject): SshKey {
  const jwk = key.export({ format: 'jwk' })
  const field = (name: 'n' | 'e' | 'x' | 'y'): Buffer => Buffer.from(jwk[name] ?? '', 'base64url')
  if (jwk.kty === 'OKP' && jwk.crv === 'Ed25519') {
    const format = sshString('ssh-ed25519')
    return {
      blob: Buffer.concat([format, sshString(field('x'))]),
      sign: (data) => Buffer.concat([format, sshString(sign(null, data, key))]),
    }
  }
  if (jwk.kty === 'RSA')
    return {
      blob: Buffer.concat([sshString('ssh-rsa'), sshMpint(field('e')), sshMpint(field('n'))]),
      sign: (data, flags) => {
        const [format, hash] = rsaFormat(flags)
        return Buffer.concat([sshString(format), sshString(sign(hash, data, key))])
      },
    }
  const curve = jwk.kty === 'EC' ? CURVES[jwk.crv ?? ''] : undefined
  if (!curve) throw new Error('ssh: unsupported key type')
  return ecdsaKey(key, curve, Buffer.concat([Buffer.from([4]), field('x'), field('y')]))
}

function rsaFormat(flags: number): [format: string, hash: string] {
  if ((flags & RSA_SHA2_512) !== 0) return ['rsa-sha2-512', 'sha512']
  return (flags & RSA_SHA2_256) === 0 ? ['ssh-rsa', 'sha1'] : ['rsa-sha2-256', 'sha256']
}

function ecdsaKey(
  key: KeyObject,
  { name, hash, size }: { name: string; hash: string; size: number },
  point: Buffer,
): SshKey {
  const format = sshString(`ecdsa-sha2-${name}`)
  return {
    blob: Buffer.concat([format, sshString(name), sshString(point)]),
    sign: (data) => {
      const both = sign(hash, data, { key, dsaEncoding: 'ieee-p1363' })
      const numbers = [both.subarray(0, size), both.subarray(size)].map(sshMpint)
      return Buffer.concat([format, sshString(Buffer.concat(numbers))])
    },
  }
}
