/**
 * Certificates of registries. Loopback is always among the insecure hosts, so the registries here go by
 * a name that only a proxy of the test's knows.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { type Server as HttpServer, createServer } from 'node:http'
import { type AddressInfo, type Socket, connect, createServer as tcp } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { busyboxImage } from '../../lib/image-maker.ts'
import { type ImagesRig, imagesRig } from '../../lib/images-rig.ts'
import { type Certificate, makeCertificate } from '../../lib/registry/certificate.ts'
import { FaultRegistry } from '../../lib/registry.ts'

const HOST = 'registry.test'
const prefix = `Get "https://${HOST}/v2/": `
/** Where the proxy leads. */
let target = 0
let certsDir = ''
let proxy: HttpServer

before(async () => {
  certsDir = await mkdtemp(join(tmpdir(), 'tdocker-certs-'))
  proxy = createServer().on('connect', (_request, socket: Socket) => {
    const inner = connect(target, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n')
      inner.pipe(socket).pipe(inner)
    })
    inner.on('error', () => socket.destroy())
    socket.on('error', () => inner.destroy())
  })
  proxy.listen(0, '127.0.0.1')
  await once(proxy, 'listening')
  process.env['HTTPS_PROXY'] = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`
})

after(async () => {
  delete process.env['HTTPS_PROXY']
  proxy.closeAllConnections()
  proxy.close()
  await rm(certsDir, { recursive: true })
})

interface Scene extends AsyncDisposable {
  rig: ImagesRig
  registry: FaultRegistry
  pull(): Promise<unknown>
}

async function scene(
  certificate: Certificate,
  o: { ca?: string; insecure?: string[] } = {},
): Promise<Scene> {
  const registry = await FaultRegistry.start({ tls: { ...certificate, ...(o.ca && { ca: o.ca }) } })
  registry.add('app:1', await busyboxImage())
  target = Number(registry.host.split(':')[1])
  const rig = await imagesRig({ config: { certsDir, insecureRegistries: o.insecure ?? [] } })
  return {
    rig,
    registry,
    pull: () => rig.pull(`${HOST}/app:1`),
    async [Symbol.asyncDispose]() {
      await rig[Symbol.asyncDispose]()
      await registry[Symbol.asyncDispose]()
      await rm(join(certsDir, HOST), { recursive: true, force: true })
    },
  }
}

async function trust(files: Record<string, string>): Promise<void> {
  await mkdir(join(certsDir, HOST), { recursive: true })
  for (const [name, text] of Object.entries(files))
    await writeFile(join(certsDir, HOST, name), text)
}

test('an unknown authority is refused, until certs.d names it', async () => {
  const certificate = await makeCertificate({ name: HOST })
  await using set = await scene(certificate)
  await assert.rejects(set.pull(), {
    kind: 'system',
    message: `${prefix}tls: failed to verify certificate: x509: certificate signed by unknown authority`,
  })
  assert.equal(set.registry.seen.length, 0)
  await trust({ 'ca.crt': certificate.cert })
  await set.pull()
})

test('a host listed as insecure shows what it likes', async () => {
  const certificate = await makeCertificate({
    name: 'another.test',
    otherName: true,
    expired: true,
  })
  await using set = await scene(certificate, { insecure: [HOST] })
  await set.pull()
})

test('a trusted authority does not make up for dates and names', async () => {
  const old = await makeCertificate({ name: HOST, expired: true })
  {
    await using set = await scene(old)
    await trust({ 'ca.crt': old.cert })
    await assert.rejects(set.pull(), {
      message: `${prefix}tls: failed to verify certificate: x509: certificate has expired or is not yet valid`,
    })
  }
  const other = await makeCertificate({ name: 'another.test', otherName: true })
  await using set = await scene(other)
  await trust({ 'ca.crt': other.cert })
  await assert.rejects(set.pull(), {
    message: `${prefix}tls: failed to verify certificate: x509: certificate is valid for another.test, not ${HOST}`,
  })
})

test('client certificates are shown where they are asked for', async () => {
  const server = await makeCertificate({ name: HOST })
  const client = await makeCertificate({ name: 'client.test' })
  await using set = await scene(server, { ca: client.cert })
  await trust({ 'ca.crt': server.cert })
  await assert.rejects(set.pull(), {
    // Node's server closes where others send an alert.
    message: /^Get "https:.*": (remote error: tls: .*|EOF|read: connection reset by peer)$/,
  })
  await trust({ 'client.cert': client.cert })
  await assert.rejects(set.pull(), {
    kind: 'invalidParameter',
    message:
      'missing key client.key for client certificate client.cert. CA certificates must use the extension .crt',
  })
  await trust({ 'client.key': client.key })
  await set.pull()
})

test('what is no TLS', async () => {
  const rigOf = (): Promise<ImagesRig> => imagesRig({ config: { certsDir } })
  await using plain = await FaultRegistry.start()
  plain.add('app:1', await busyboxImage())
  target = Number(plain.host.split(':')[1])
  await using rig = await rigOf()
  await assert.rejects(rig.pull(`${HOST}/app:1`), {
    message: `${prefix}http: server gave HTTP response to HTTPS client`,
  })
  // Secure registries are never asked without TLS.
  assert.equal(plain.seen.length, 0)
  const closing = tcp((socket) => socket.destroy()).listen(0, '127.0.0.1')
  await once(closing, 'listening')
  target = (closing.address() as AddressInfo).port
  await assert.rejects(rig.pull(`${HOST}/app:1`), {
    message: new RegExp(`^${prefix.replaceAll('.', '\\.')}(EOF|read: connection reset by peer)$`),
  })
  closing.close()
})
