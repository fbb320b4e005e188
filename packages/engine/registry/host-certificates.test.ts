import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TLSSocket } from 'node:tls'
import { readHostCertificates } from './host-certificates.ts'
import { Transport } from './transport.ts'

function selfSigned(directory: string, name: string): void {
  const subject = ['-subj', `/CN=${name}`, '-addext', 'subjectAltName=IP:127.0.0.1']
  const files = ['-keyout', join(directory, `${name}.key`), '-out', join(directory, `${name}.pem`)]
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '1']
  execFileSync('openssl', ['req', '-x509', ...key, ...subject, ...files], { stdio: 'ignore' })
}

test('a CA and a client certificate of one registry', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'certs-'))
  t.after(() => rmSync(directory, { recursive: true }))
  selfSigned(directory, 'server')
  selfSigned(directory, 'client')
  const file = (name: string): string => readFileSync(join(directory, name), 'utf8')
  const options = { key: file('server.key'), cert: file('server.pem'), ca: file('client.pem') }
  const tls = { ...options, requestCert: true, rejectUnauthorized: false }
  const server = createServer(tls, (request, response) => {
    response.end(String((request.socket as TLSSocket).authorized))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`
  const certsDir = join(directory, 'certs.d')
  const ask = async (): Promise<string> => {
    const transport = new Transport({ certsDir })
    try {
      const response = await transport.send({
        method: 'GET',
        url: new URL(`https://${host}/`),
        headers: {},
        insecure: false,
        local: true,
        signal: new AbortController().signal,
      })
      return String(Buffer.concat(await response.body.toArray()))
    } finally {
      await transport.close()
    }
  }
  await assert.rejects(ask(), /x509: certificate signed by unknown authority/)
  mkdirSync(join(certsDir, host), { recursive: true })
  writeFileSync(join(certsDir, host, 'ca.crt'), file('server.pem'))
  assert.equal(await ask(), 'false')
  writeFileSync(join(certsDir, host, 'client.cert'), file('client.pem'))
  await assert.rejects(ask(), /missing key client.key for client certificate client.cert/)
  writeFileSync(join(certsDir, host, 'client.key'), file('client.key'))
  assert.equal(await ask(), 'true')
  renameSync(join(certsDir, host, 'client.cert'), join(certsDir, host, 'other.txt'))
  await assert.rejects(ask(), /missing client certificate client.cert for key client.key/)
})

test('hosts that are no directory names', async () => {
  for (const host of ['', '..', '../x', '.', 'a/b', 'nosuch.test']) {
    assert.equal(await readHostCertificates('/nonexistent', host), undefined)
  }
})
