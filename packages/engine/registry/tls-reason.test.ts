import assert from 'node:assert/strict'
import { test } from 'node:test'
import { tlsReason } from './tls-reason.ts'

const url = new URL('https://r.test:5000/v2/')

test('handshakes speak as Go’s do', () => {
  const unverified = 'tls: failed to verify certificate: x509: '
  const cases: Array<[string, string | undefined]> = [
    ['DEPTH_ZERO_SELF_SIGNED_CERT', `${unverified}certificate signed by unknown authority`],
    ['CERT_HAS_EXPIRED', `${unverified}certificate has expired or is not yet valid`],
    ['ERR_SSL_WRONG_VERSION_NUMBER', 'http: server gave HTTP response to HTTPS client'],
    ['ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED', 'remote error: tls: certificate required'],
    ['ERR_SSL_TLSV1_ALERT_UNKNOWN_CA', 'remote error: tls: unknown certificate authority'],
    ['ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE', 'remote error: tls: bad certificate'],
    ['ERR_SSL_UNSUPPORTED_PROTOCOL', 'tls: unsupported protocol'],
    ['ECONNREFUSED', undefined],
  ]
  for (const [code, reason] of cases) assert.equal(tlsReason(new Error('x'), code, url), reason)
})

test('the names of a certificate are told', () => {
  const error = Object.assign(new Error('x'), {
    cert: { subjectaltname: 'DNS:a.test, IP Address:10.0.0.1' },
  })
  const code = 'ERR_TLS_CERT_ALTNAME_INVALID'
  const start = 'tls: failed to verify certificate: x509: certificate is '
  assert.equal(tlsReason(error, code, url), `${start}valid for a.test, 10.0.0.1, not r.test`)
  assert.equal(
    tlsReason(new Error('x', { cause: error }), code, url),
    `${start}valid for a.test, 10.0.0.1, not r.test`,
  )
  assert.equal(
    tlsReason(new Error('x'), code, url),
    `${start}not valid for any names, but wanted to match r.test`,
  )
})
