/** What goes wrong in a TLS handshake, in the words of Go's crypto/tls and crypto/x509. */
import { hostOf } from './registry-config.ts'

const UNKNOWN_AUTHORITY = 'x509: certificate signed by unknown authority'
const CERTIFICATE: Readonly<Record<string, string>> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: UNKNOWN_AUTHORITY,
  SELF_SIGNED_CERT_IN_CHAIN: UNKNOWN_AUTHORITY,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNKNOWN_AUTHORITY,
  UNABLE_TO_GET_ISSUER_CERT: UNKNOWN_AUTHORITY,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNKNOWN_AUTHORITY,
  CERT_HAS_EXPIRED: 'x509: certificate has expired or is not yet valid',
  CERT_NOT_YET_VALID: 'x509: certificate has expired or is not yet valid',
}

/** The other side spoke something else than TLS. */
const NO_TLS: ReadonlySet<string> = new Set([
  'EPROTO',
  'ERR_SSL_WRONG_VERSION_NUMBER',
  'ERR_SSL_PACKET_LENGTH_TOO_LONG',
  'ERR_SSL_HTTP_REQUEST',
  'ERR_SSL_UNKNOWN_PROTOCOL',
])

/** Undefined for what is no matter of TLS; `code` is the error's or its cause's. */
export function tlsReason(error: unknown, code: string, url: URL): string | undefined {
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    return `tls: failed to verify certificate: ${otherNames(error, url)}`
  }
  const certificate = CERTIFICATE[code]
  if (certificate !== undefined) return `tls: failed to verify certificate: ${certificate}`
  if (NO_TLS.has(code)) return 'http: server gave HTTP response to HTTPS client'
  const alert = /^ERR_SSL_(?:TLSV1(?:[0-9]+)?|SSLV3)_ALERT_(.+)$/.exec(code)?.[1]
  if (alert !== undefined) return `remote error: tls: ${alertText(alert)}`
  return code.startsWith('ERR_SSL_') ? `tls: ${words(code.slice('ERR_SSL_'.length))}` : undefined
}

function alertText(alert: string): string {
  // Go's own spellings of RFC 8446 section 6.
  if (alert === 'BAD_CERTIFICATE') return 'bad certificate'
  if (alert === 'UNKNOWN_CA') return 'unknown certificate authority'
  return words(alert)
}

function words(code: string): string {
  return code.toLowerCase().replaceAll('_', ' ')
}

function otherNames(error: unknown, url: URL): string {
  const host = hostOf(url.host)
  const names = namesOf(error)
  if (names.length === 0)
    return `x509: certificate is not valid for any names, but wanted to match ${host}`
  return `x509: certificate is valid for ${names.join(', ')}, not ${host}`
}

/** `DNS:a, IP Address:127.0.0.1` */
function namesOf(error: unknown): string[] {
  for (let at = error; at instanceof Error; at = at.cause) {
    const { cert } = at as { cert?: { subjectaltname?: string } }
    if (cert === undefined) continue
    return (cert.subjectaltname ?? '')
      .split(/,\s*/)
      .map((name) => name.replace(/^[^:]*:/, ''))
      .filter((name) => name !== '')
  }
  return []
}
