/** `POST /images/create?fromSrc=…`: a root file system from a URL. */
import assert from 'node:assert/strict'
import { type Server, createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { busyboxTar } from '../../lib/busybox.ts'
import { TestDaemon } from '../../lib/test-daemon.ts'
import { type Query, inspect, list, queryText, ran } from './verbs-rig.ts'

let daemon: TestDaemon
let server: Server
let address: string
const asked: Array<string | undefined> = []

before(async () => {
  daemon = await TestDaemon.start()
  const tar = gzipSync(busyboxTar())
  server = createServer((request, response) => {
    const { url, headers } = request
    asked.push(headers.authorization)
    if (url === '/root.tgz') {
      response.writeHead(200, { 'Content-Length': tar.length }).end(tar)
    } else if (url === '/chunked') response.writeHead(200).end(tar)
    else if (url === '/moved') response.writeHead(302, { Location: '/root.tgz' }).end()
    else if (url === '/loop') response.writeHead(302, { Location: '/loop' }).end()
    else if (url === '/secret') response.writeHead(403).end('not for you\n')
    else if (url === '/text') response.writeHead(200).end('no archive at all')
    else if (url === '/cut') {
      response.writeHead(200, { 'Content-Length': tar.length })
      response.write(tar.subarray(0, tar.length / 2), () => response.destroy())
    } else response.writeHead(404).end('nothing here')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  address = `127.0.0.1:${(server.address() as AddressInfo).port}`
})
after(async () => {
  server.close()
  await daemon[Symbol.asyncDispose]()
})

interface Line {
  status?: string
  error?: string
  message?: string
  progressDetail?: { current?: number; total?: number }
}

async function imported(query: Query): Promise<{ status: number; lines: Line[] }> {
  const answer = await daemon.api.post(`/images/create?${queryText(query)}`)
  const lines = answer.text.split(/\r?\n/).filter(Boolean)
  return { status: answer.status, lines: lines.map((line) => JSON.parse(line) as Line) }
}

test('where it comes from, how far it is, and the id', async () => {
  const url = `http://${address}/root.tgz`
  const { status, lines } = await imported({ fromSrc: url, repo: 'far', tag: 'one' })
  assert.equal(status, 200)
  assert.deepEqual(lines[0], { status: `Downloading from ${url}` })
  assert.equal(lines[1]?.status, 'Importing')
  assert.ok((lines[1]?.progressDetail?.total ?? 0) > 0)
  const image = await inspect(daemon, 'far:one')
  assert.deepEqual(lines.at(-1), { status: image.Id })
  assert.equal(image.Comment, `Imported from ${url}`)
  await ran(daemon, 'true', { Image: 'far:one', Cmd: ['true'] })
})

test('without a scheme it is http; redirects, changes, message, platform; no length', async () => {
  const { lines } = await imported({
    fromSrc: `${address}/moved`,
    repo: 'moved',
    message: 'as told',
    changes: ['CMD ["ls"]', 'ENV A=b'],
    platform: 'linux/arm64',
  })
  assert.deepEqual(lines[0], { status: `Downloading from http://${address}/moved` })
  const image = await inspect(daemon, 'moved')
  assert.equal(image.Architecture, 'arm64')
  assert.equal(image.Comment, 'as told')
  assert.deepEqual([image.Config?.Cmd, image.Config?.Env], [['ls'], ['A=b']])
  const chunked = await imported({
    fromSrc: `http://user:pass@${address}/chunked`,
    repo: 'chunked',
  })
  assert.equal(chunked.lines.at(-1)?.status, (await inspect(daemon, 'chunked')).Id)
  assert.equal(asked.at(-1), `Basic ${Buffer.from('user:pass').toString('base64')}`)
})

test('by the command line', async () => {
  const made = await daemon.tdocker('import', '-c', 'CMD x', `http://${address}/root.tgz`, 'by:cli')
  assert.equal(made.status, 0, made.stderr)
  const { Id } = await inspect(daemon, 'by:cli')
  assert.ok(made.stdout.endsWith(`${Id}\n`), made.stdout)
})

test('what goes wrong before the download begins, and after', async () => {
  const count = (await list(daemon, { all: '1' })).length
  const before: Array<[Query, number, RegExp]> = [
    [
      { fromSrc: `http://${address}/none` },
      404,
      /^failed to GET http:.*\/none with status 404 Not Found: nothing here$/,
    ],
    [{ fromSrc: `${address}/secret` }, 403, /with status 403 Forbidden: not for you$/],
    [{ fromSrc: `${address}/loop` }, 500, /stopped after 10 redirects$/],
    [{ fromSrc: 'ftp://host/x' }, 500, /unsupported protocol scheme "ftp"$/],
    [{ fromSrc: 'http://127.0.0.1:1/x' }, 500, /connection refused$/],
    [{ fromSrc: 'http://no-such-host.invalid/x' }, 404, /no such host$/],
    [{ fromSrc: '' }, 500, /^Get "http:": http: no Host in request URL$/],
    [{ fromSrc: `${address}/root.tgz`, repo: 'UPPER' }, 400, /must be lowercase$/],
  ]
  for (const [query, status, message] of before) {
    const answer = await imported(query)
    assert.equal(answer.status, status, JSON.stringify(answer))
    assert.match(answer.lines[0]?.message ?? '', message)
  }
  const within: Array<[Query, RegExp]> = [
    [{ fromSrc: `${address}/text` }, /./],
    [{ fromSrc: `${address}/cut` }, /./],
    [{ fromSrc: `${address}/root.tgz`, changes: 'RUN x' }, /^RUN is not a valid change command$/],
    [
      { fromSrc: `${address}/root.tgz`, platform: 'windows/amd64' },
      /^operating system is not supported$/,
    ],
  ]
  for (const [query, message] of within) {
    const answer = await imported(query)
    assert.equal(answer.status, 200)
    assert.match(answer.lines.at(-1)?.error ?? '', message)
  }
  assert.equal((await list(daemon, { all: '1' })).length, count)
})
