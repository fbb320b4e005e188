import assert from 'node:assert/strict'
import { test } from 'node:test'
import { atLeast, lowerVersion } from './client.ts'
import { proxyEnvironment } from './config.ts'
import { authFor, encodeAuth, registryKey } from './credentials.ts'
import { cannotConnect } from './errors.ts'
import { normalizeHost, parseEndpoint } from './host.ts'
import { Demultiplexer } from './stdcopy.ts'

test('hosts are brought to their full form', () => {
  const cases: Array<[string, boolean, string]> = [
    ['', false, 'unix:///run/tdocker.sock'],
    ['', true, 'tcp://localhost:2376'],
    ['unix:///x.sock', false, 'unix:///x.sock'],
    ['unix://', false, 'unix:///run/tdocker.sock'],
    ['tcp://1.2.3.4', false, 'tcp://1.2.3.4:2375'],
    ['1.2.3.4', true, 'tcp://1.2.3.4:2376'],
    [':5555', false, 'tcp://localhost:5555'],
    ['tcp://[::1]:80/base', false, 'tcp://[::1]:80/base'],
  ]
  for (const [text, tls, host] of cases) assert.equal(normalizeHost(text, tls), host, text)
  assert.throws(() => normalizeHost('foo://x', false), {
    message: 'invalid bind address format: foo://x',
  })
})

test('endpoints', () => {
  assert.deepEqual(parseEndpoint('unix:///x.sock'), { kind: 'unix', path: '/x.sock' })
  assert.deepEqual(parseEndpoint('tcp://[::1]:81/base'), {
    kind: 'tcp',
    host: '::1',
    port: 81,
    base: '/base',
  })
  assert.equal(parseEndpoint('tcp://h:80').kind, 'tcp')
})

test('versions compare by number', () => {
  assert.equal(lowerVersion('1.56', '1.9'), '1.9')
  assert.equal(lowerVersion('1.41', '1.56'), '1.41')
  assert.equal(atLeast('1.44', '1.43'), true)
  assert.equal(atLeast('1.9', '1.43'), false)
})

test('a daemon that does not answer', () => {
  const error = Object.assign(new Error('connect'), { code: 'ENOENT' })
  assert.equal(
    cannotConnect('unix:///x', error).message,
    'Cannot connect to the tdocker daemon at unix:///x. Is the tdocker daemon running?',
  )
})

test('an alert of TLS is told by its name', () => {
  const code = 'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED'
  const { message } = cannotConnect('tcp://h:1', Object.assign(new Error('4E:SSL:..'), { code }))
  assert.match(
    message,
    /^error during connect: tcp:\/\/h:1: remote error: tls: certificate required\. /,
  )
})

function frame(stream: number, text: string): Buffer {
  const header = Buffer.alloc(8)
  header[0] = stream
  header.writeUInt32BE(Buffer.byteLength(text), 4)
  return Buffer.concat([header, Buffer.from(text)])
}

test('frames come apart however they are cut', () => {
  const bytes = Buffer.concat([frame(1, 'one'), frame(2, 'err'), frame(1, ''), frame(0, 'two')])
  for (let size = 1; size <= bytes.length; size++) {
    const streams = ['', '', '']
    const frames = new Demultiplexer((stream, payload) => {
      streams[stream] += payload.toString()
    })
    for (let at = 0; at < bytes.length; at += size) frames.push(bytes.subarray(at, at + size))
    assert.deepEqual(streams, ['', 'onetwo', 'err'], `chunks of ${size}`)
  }
})

test('neighbours of one stream are passed on together, order between streams is kept', () => {
  const calls: string[] = []
  const frames = new Demultiplexer((stream, payload) =>
    calls.push(`${stream}:${payload.toString()}`),
  )
  frames.push(Buffer.concat([frame(1, 'a'), frame(1, 'b'), frame(2, 'c'), frame(1, 'd')]))
  assert.deepEqual(calls, ['1:ab', '2:c', '1:d'])
})

test('a frame of stream 3 is an error, other bytes too', () => {
  const frames = new Demultiplexer(() => {})
  assert.throws(() => frames.push(frame(3, 'broken')), {
    message: 'error from daemon in stream: broken',
  })
  assert.throws(() => new Demultiplexer(() => {}).push(Buffer.from('HTTP/1.1 500')), {
    message: 'Unrecognized stream: 72',
  })
})

test('credentials of config.json', async () => {
  const auth = Buffer.from('me:se:cret').toString('base64')
  const config = {
    auths: { 'https://reg.example/v1/': { auth }, 'other:5000': { identitytoken: 't' } },
  }
  assert.deepEqual(await authFor(config, 'reg.example'), {
    username: 'me',
    password: 'se:cret',
    serveraddress: 'reg.example',
  })
  assert.deepEqual(await authFor(config, 'other:5000'), {
    identitytoken: 't',
    serveraddress: 'other:5000',
  })
  assert.equal(await authFor(config, 'nobody'), undefined)
  assert.equal(registryKey('docker.io'), 'https://index.docker.io/v1/')
  assert.match(encodeAuth({ username: '>>>???' }), /^[A-Za-z0-9_=-]+$/)
})

test('proxies become variables unless the user set them', () => {
  const config = { proxies: { default: { httpProxy: 'http://p', noProxy: 'x' } } }
  assert.deepEqual(proxyEnvironment(config, 'unix:///s', ['A=1', 'http_proxy']), [
    'A=1',
    'http_proxy',
    'HTTP_PROXY=http://p',
    'NO_PROXY=x',
    'no_proxy=x',
  ])
})
