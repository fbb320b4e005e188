/** What a build fetches: contexts and Dockerfiles by address, files of ADD; and what is too much. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, test } from 'node:test'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { TestDaemon } from '../../lib/test-daemon.ts'
import { build, built, contextOf, outputOf } from './build-rig.ts'

let daemon: TestDaemon
let server: Server
let at: string
before(async () => {
  daemon = await TestDaemon.start()
  const context = await contextOf({ 'inner/Dockerfile': 'FROM busybox\nCOPY f /f\n', f: 'fetched' })
  const answers: Record<string, [type: string, body: Buffer]> = {
    '/context.tar': ['application/x-tar', context],
    '/Dockerfile': ['text/plain; charset=utf-8', Buffer.from('FROM busybox\nRUN echo text > /f\n')],
    '/file.txt': ['text/plain', Buffer.from('a file')],
  }
  server = createServer((request, response) => {
    const [type, body] = answers[request.url ?? ''] ?? []
    if (!body) return void response.writeHead(404).end('no')
    response.writeHead(200, {
      'Content-Type': type,
      'Last-Modified': 'Sat, 03 Feb 2001 04:05:06 GMT',
    })
    response.end(body)
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  at = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
after(async () => {
  server.close()
  await daemon[Symbol.asyncDispose]()
})

test('a context and a Dockerfile by their addresses', async () => {
  const tar = await built(daemon, Buffer.alloc(0), {
    remote: `${at}/context.tar`,
    dockerfile: 'inner/Dockerfile',
  })
  assert.equal(await outputOf(daemon, tar.id, 'cat /f'), 'fetched')
  const text = await built(daemon, Buffer.alloc(0), { remote: `${at}/Dockerfile` })
  assert.equal(await outputOf(daemon, text.id, 'cat /f'), 'text\n')
  const missing = await build(daemon, Buffer.alloc(0), { remote: `${at}/nope` })
  assert.equal(missing.status, 404)
})

test('ADD of a URL: private, of the server’s time, checked', async () => {
  const digest = `sha256:${createHash('sha256').update('a file').digest('hex')}`
  const made = await built(daemon, {
    Dockerfile: `FROM busybox\nADD ${at}/file.txt /added/\nADD --checksum=${digest} --chmod=644 ${at}/file.txt /named\n`,
  })
  assert.equal(
    await outputOf(
      daemon,
      made.id,
      'cat /added/file.txt /named; stat -c "%a %Y" /added/file.txt /named',
    ),
    'a filea file600 981173106\n644 981173106\n',
  )
  const wrong = await build(daemon, {
    Dockerfile: `FROM busybox\nADD --checksum=sha256:${'0'.repeat(64)} ${at}/file.txt /f\n`,
  })
  assert.match(wrong.error, /^digest mismatch sha256:/)
})

test('ADD of a URL: asked again only whether it is the same, and told of every change', async () => {
  const state = { body: 'first', etag: '"1"', modified: '', asked: [] as string[] }
  const files = createServer((request, response) => {
    const { 'if-none-match': match, 'if-modified-since': since } = request.headers
    if (request.url === '/away') return void response.writeHead(302, { Location: '/name' }).end()
    const same =
      match === undefined ? since !== undefined && since === state.modified : match === state.etag
    state.asked.push(`${request.url} ${same ? 304 : 200}`)
    const headers = {
      ...(state.etag !== '' && { ETag: state.etag }),
      ...(state.modified !== '' && { 'Last-Modified': state.modified }),
      ...(request.url === '/' && { 'Content-Disposition': 'attachment; filename="said"' }),
    }
    if (same) return void response.writeHead(304, headers).end()
    response.writeHead(200, headers).end(state.body)
  })
  await new Promise<void>((done) => files.listen(0, '127.0.0.1', done))
  const url = `http://127.0.0.1:${(files.address() as AddressInfo).port}`
  const add = async (line: string): Promise<string> =>
    (await built(daemon, { Dockerfile: `FROM busybox\n${line}\n` })).id
  const asked = (): string[] => state.asked.splice(0)
  try {
    const first = await add(`ADD ${url}/f /d/`)
    assert.deepEqual(asked(), ['/f 200'])
    assert.equal(await add(`ADD ${url}/f /d/`), first)
    assert.deepEqual(asked(), ['/f 304'])
    Object.assign(state, { body: 'second', etag: '', modified: 'Sat, 03 Feb 2001 04:05:06 GMT' })
    const second = await add(`ADD ${url}/f /d/`)
    assert.equal(await outputOf(daemon, second, 'cat /d/f; stat -c %Y /d/f'), 'second981173106\n')
    assert.deepEqual(asked(), ['/f 200'])
    assert.equal(await add(`ADD ${url}/f /d/`), second)
    assert.deepEqual(asked(), ['/f 304'])

    // A checksum tells all, so the server is not asked for what is cached.
    const sum = `sha512:${createHash('sha512').update('second').digest('hex')}`
    const checked = await add(`ADD --checksum=${sum} ${url}/f /c`)
    assert.deepEqual(asked(), ['/f 200'])
    assert.equal(await add(`ADD --checksum=${sum} ${url}/f /c`), checked)
    assert.deepEqual(asked(), [])

    const named = await add(`ADD ${url}/ ${url}/away ${url}/%66oo /n/`)
    assert.equal(await outputOf(daemon, named, 'ls /n'), 'away\nfoo\nsaid\n')

    state.body = gzipSync(await contextOf({ inside: 'x' })) as unknown as string
    const unpacked = await add(`ADD --unpack ${url}/a.tgz /u/\nADD ${url}/a.tgz /p/`)
    assert.equal(await outputOf(daemon, unpacked, 'ls /u /p'), '/p:\na.tgz\n\n/u:\ninside\n')
    const wrong = async (line: string): Promise<string> =>
      (await build(daemon, { Dockerfile: `FROM busybox\n${line}\n` })).error
    assert.equal(await wrong(`ADD --checksum=md5:00 ${url}/f /x`), 'unsupported digest algorithm')
    assert.equal(await wrong(`ADD --checksum=x ${url}/f /x`), 'invalid checksum digest format')
    assert.equal(
      await wrong(`ADD --checksum=sha256:00 ${url}/f /x`),
      'invalid checksum digest length',
    )
    assert.equal(
      await wrong(`ADD --checksum=${sum} ${url}/f ${url}/g /x/`),
      "checksum can't be specified for multiple sources",
    )
    assert.equal(
      await wrong(`ADD --checksum=${sum} Dockerfile /x`),
      'checksum requires HTTP(S) or Git sources',
    )
    assert.equal(await wrong(`COPY ${url}/f /x`), "source can't be a URL for COPY")
  } finally {
    files.closeAllConnections()
    files.close()
  }
})

test('of several sources the last one of a name stays, wherever it is from', async () => {
  const content = async (sources: string): Promise<string> => {
    const files = { Dockerfile: `FROM busybox\nADD ${sources} /d/\n`, 'file.txt': 'local' }
    return outputOf(daemon, (await built(daemon, files)).id, 'cat /d/file.txt')
  }
  assert.equal(await content(`file.txt ${at}/file.txt`), 'a file')
  assert.equal(await content(`${at}/file.txt file.txt`), 'local')
})

test('contexts of every compression, with the Dockerfile further down; and what is no context', async () => {
  const tar = await contextOf({ 'a/b/Dockerfile': 'FROM busybox\nCOPY f /f\n', f: 'there' })
  const through = (program: string, ...args: string[]): Buffer =>
    execFileSync(program, args, { input: tar })
  const bodies: Record<string, Buffer> = {
    plain: tar,
    gzip: gzipSync(tar),
    zstd: zstdCompressSync(tar),
    bzip2: through('bzip2', '-c'),
    xz: through('xz', '-c'),
  }
  let type = 'application/octet-stream'
  const files = createServer((request, response) => {
    const body = bodies[request.url?.slice(1) ?? ''] ?? Buffer.from('<html><body>no</body></html>')
    response.writeHead(200, { 'Content-Type': type }).end(body)
  })
  await new Promise<void>((done) => files.listen(0, '127.0.0.1', done))
  const url = `http://127.0.0.1:${(files.address() as AddressInfo).port}`
  try {
    for (const [name, body] of Object.entries(bodies)) {
      const sent = await built(daemon, body, { dockerfile: 'a/b/Dockerfile' })
      assert.equal(await outputOf(daemon, sent.id, 'cat /f'), 'there', name)
      const fetched = await built(daemon, Buffer.alloc(0), {
        remote: `${url}/${name}`,
        dockerfile: './a/b/Dockerfile',
      })
      assert.equal(fetched.id, sent.id, name)
      const told = fetched.messages.filter(({ id }) => id === 'Downloading context')
      assert.equal(told.at(-1)?.status, `${url}/${name}`)
      assert.equal(told.at(-1)?.progressDetail?.current, body.length)
    }
    const html = await build(daemon, Buffer.alloc(0), { remote: `${url}/page` })
    assert.equal(
      html.error,
      `error detecting content type for remote ${url}/page: unsupported Content-Type "application/octet-stream"`,
    )
    type = 'text/html'
    const said = await build(daemon, Buffer.alloc(0), { remote: `${url}/page` })
    assert.match(said.error, /: unsupported Content-Type "text\/html"$/)
    const odd = await build(daemon, Buffer.alloc(0), { remote: 'ftp://host/file' })
    assert.equal(odd.error, 'remoteURL (ftp://host/file) could not be recognized as URL')
  } finally {
    files.closeAllConnections()
    files.close()
  }
})

test('too many instructions, layers or characters are refused, and the daemon lives on', async () => {
  const steps = await build(daemon, { Dockerfile: `FROM busybox\n${'ENV A=1\n'.repeat(5000)}` })
  assert.match(steps.error, /^a build of \d+ instructions is more than/)
  const large = await build(daemon, { Dockerfile: `FROM busybox\n#${'x'.repeat(3 << 20)}\n` })
  assert.equal(large.status, 400)
  const bomb = Array.from({ length: 60 }, () => 'ENV A=$A$A$A$A').join('\n')
  const expanded = await build(daemon, { Dockerfile: `FROM busybox\nENV A=0123456789\n${bomb}\n` })
  assert.notEqual(expanded.error, '')
  const layers = await build(daemon, {
    Dockerfile: `FROM busybox\n${Array.from({ length: 130 }, (_, n) => `COPY f /${n}`).join('\n')}\n`,
    f: '',
  })
  assert.equal(layers.error, 'max depth exceeded')
  assert.equal((await daemon.api.get('/_ping')).status, 200)
})
