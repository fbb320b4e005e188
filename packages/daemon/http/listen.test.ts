import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { request as httpRequest } from 'node:http'
import { request, type RequestOptions } from 'node:https'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { Host } from '../config/hosts.ts'
import { fakeBackend } from './fake-backend.ts'
import { listen, type Listeners, type ListenOptions } from './listen.ts'
import { makeApi } from './server.ts'

const directory = mkdtempSync(join(tmpdir(), 'tdocker-listen-'))
const file = (name: string): string => join(directory, name)
after(() => rmSync(directory, { recursive: true }))

const nothing = (): never => {
  throw new Error('not here')
}
const api = makeApi({
  engine: {
    ...fakeBackend(),
    native: { dupFd: nothing, socketPair: nothing, unreadByPeer: nothing },
  },
  log: { error: () => {} },
  version: '0.1.0',
})
const root = process.getuid?.() === 0

async function open(
  hosts: Host[],
  o: Partial<ListenOptions> = {},
): Promise<Listeners & { warnings: string[] }> {
  const warnings: string[] = []
  const listeners = await listen(api, {
    hosts,
    tls: undefined,
    plainTcp: false,
    group: String(process.getgid?.()),
    groupGiven: true,
    warn: (message) => warnings.push(message),
    ...o,
  })
  return { ...listeners, warnings }
}

async function ping(o: RequestOptions & { plain?: boolean }): Promise<number | undefined> {
  const outgoing = (o.plain ? httpRequest : request)({ path: '/_ping', agent: false, ...o })
  outgoing.end()
  const [response] = (await once(outgoing, 'response')) as [{ statusCode?: number; resume(): void }]
  response.resume()
  return response.statusCode
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  return port
}

before(() => {
  const openssl = (...args: string[]): void =>
    void execFileSync('openssl', args, { stdio: 'ignore', cwd: directory })
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  for (const ca of ['ca', 'other']) {
    openssl(
      'req',
      '-x509',
      ...key,
      '-subj',
      `/CN=${ca}`,
      '-days',
      '2',
      '-keyout',
      `${ca}-key.pem`,
      '-out',
      `${ca}.pem`,
    )
  }
  writeFileSync(file('ext'), 'subjectAltName=DNS:localhost,IP:127.0.0.1')
  for (const [name, ca] of [
    ['server', 'ca'],
    ['client', 'ca'],
    ['stranger', 'other'],
  ] as const) {
    openssl(
      'req',
      '-new',
      ...key,
      '-subj',
      `/CN=${name}`,
      '-keyout',
      `${name}-key.pem`,
      '-out',
      `${name}.csr`,
    )
    openssl(
      'x509',
      '-req',
      '-in',
      `${name}.csr`,
      '-CA',
      `${ca}.pem`,
      '-CAkey',
      `${ca}-key.pem`,
      '-CAcreateserial',
      '-days',
      '2',
      '-extfile',
      'ext',
      '-out',
      `${name}.pem`,
    )
  }
})

const read = (name: string): Buffer => readFileSync(file(name))
const tls = () => ({ cert: read('server.pem'), key: read('server-key.pem'), ca: read('ca.pem') })

test(
  'a UNIX socket is 0660 from the first moment, and gone at the end',
  { skip: !root },
  async () => {
    const path = file('a.sock')
    const umask = process.umask()
    const listeners = await open([{ kind: 'unix', path }])
    assert.equal(process.umask(), umask)
    assert.equal(statSync(path).mode & 0o777, 0o660)
    assert.equal(await ping({ socketPath: path, plain: true }), 200)
    await listeners.close()
    assert.throws(() => statSync(path), { code: 'ENOENT' })
  },
)

test(
  'the group is named or numbered; only the default one may be missing',
  { skip: !root },
  async () => {
    const path = file('g.sock')
    const byName = await open([{ kind: 'unix', path }], { group: 'daemon' })
    assert.equal(
      statSync(path).gid,
      Number(/^daemon:x:(\d+)/m.exec(readFileSync('/etc/group', 'utf8'))?.[1]),
    )
    await byName.close()
    await assert.rejects(open([{ kind: 'unix', path }], { group: 'no-such-group' }), {
      message: 'group no-such-group not found',
    })
    const fallback = await open([{ kind: 'unix', path }], {
      group: 'no-such-group',
      groupGiven: false,
    })
    assert.equal(fallback.warnings.length, 1)
    assert.equal(statSync(path).gid, process.getgid?.())
    await fallback.close()
  },
)

test(
  'a dead daemon’s socket is replaced, a living one’s and other files are not',
  {
    skip: !root,
  },
  async () => {
    const path = file('s.sock')
    // Its server goes away without unlinking.
    const dying = `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`
    spawnSync(process.execPath, ['-e', dying])
    assert.ok(statSync(path).isSocket())
    const listeners = await open([{ kind: 'unix', path }])
    await assert.rejects(open([{ kind: 'unix', path }]), {
      message: `can't create unix socket ${path}: address already in use`,
    })
    assert.equal(await ping({ socketPath: path, plain: true }), 200)
    await listeners.close()
    writeFileSync(path, 'precious')
    await assert.rejects(open([{ kind: 'unix', path }]), /a file is in the way/)
    assert.equal(readFileSync(path, 'utf8'), 'precious')
  },
)

test('with a CA, a client without a certificate of it gets nothing', async () => {
  const port = await freePort()
  const listeners = await open([{ kind: 'tcp', address: '127.0.0.1', port }], { tls: tls() })
  const base = { host: '127.0.0.1', port, ca: read('ca.pem') }
  const as = (name: string): object => ({ cert: read(`${name}.pem`), key: read(`${name}-key.pem`) })
  assert.equal(await ping({ ...base, ...as('client') }), 200)
  await assert.rejects(ping(base))
  await assert.rejects(ping({ ...base, ...as('stranger') }))
  await assert.rejects(ping({ ...base, plain: true }))
  assert.deepEqual(listeners.warnings, [])
  await listeners.close()
})

test('without a CA the client is warned of, not verified', async () => {
  const port = await freePort()
  const { cert, key } = tls()
  const listeners = await open([{ kind: 'tcp', address: '127.0.0.1', port }], {
    tls: { cert, key },
  })
  assert.match(listeners.warnings[0] ?? '', /without --tlsverify is insecure/)
  assert.equal(await ping({ host: '127.0.0.1', port, ca: read('ca.pem') }), 200)
  await listeners.close()
})

test('plain TCP only when it is asked for', async () => {
  const port = await freePort()
  const host: Host = { kind: 'tcp', address: '127.0.0.1', port }
  await assert.rejects(open([host]), /refusing to serve TCP without TLS/)
  const listeners = await open([host], { plainTcp: true })
  assert.equal(listeners.warnings.length, 1)
  assert.equal(await ping({ host: '127.0.0.1', port, plain: true }), 200)
  await listeners.close()
})

test('one host that cannot be had leaves none open', { skip: !root }, async () => {
  const path = file('x.sock')
  await assert.rejects(
    open(
      [
        { kind: 'unix', path },
        { kind: 'tcp', address: '192.0.2.1', port: 1 },
      ],
      { plainTcp: true },
    ),
    { code: 'EADDRNOTAVAIL' },
  )
  assert.throws(() => statSync(path), { code: 'ENOENT' })
})

test('fd:// needs a service manager', async () => {
  await assert.rejects(open([{ kind: 'fd', which: '*' }]), /no sockets found via socket activation/)
})
