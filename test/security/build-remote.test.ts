/** Files and contexts by URL: credentials stay where they belong, and nobody elsewhere leads back here. */
import assert from 'node:assert/strict'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { networkInterfaces } from 'node:os'
import { after, before, test } from 'node:test'
import { TestDaemon } from '../lib/test-daemon.ts'
import { build, built, contextOf, outputOf } from '../integration/build/build-rig.ts'

let daemon: TestDaemon
const servers: Server[] = []
before(async () => {
  daemon = await TestDaemon.start()
})
after(async () => {
  for (const server of servers) {
    server.closeAllConnections()
    server.close()
  }
  await daemon[Symbol.asyncDispose]()
})

type Answer = (request: IncomingMessage, response: ServerResponse) => void

async function serve(answer: Answer, address = '127.0.0.1'): Promise<string> {
  const server = createServer(answer)
  servers.push(server)
  await new Promise<void>((done) => server.listen(0, address, done))
  return `http://${address}:${(server.address() as AddressInfo).port}`
}

const to =
  (location: string): Answer =>
  (_request, response) =>
    response.writeHead(302, { Location: location }).end()

const both = async (url: string): Promise<string[]> => {
  const added = await build(daemon, { Dockerfile: `FROM busybox\nADD ${url} /f\n` })
  const context = await build(daemon, Buffer.alloc(0), { remote: url })
  const named = await build(
    daemon,
    { Dockerfile: 'FROM busybox\nCOPY --from=n . /n/\n' },
    { contexts: JSON.stringify({ n: url }) },
  )
  return [added.error, context.error, named.error]
}

test('credentials of an address do not follow a redirect elsewhere', async () => {
  const seen: Array<string | undefined> = []
  const target = await serve((request, response) => {
    seen.push(request.headers.authorization)
    response.end('FROM busybox\n')
  })
  const asked: Array<string | undefined> = []
  const first = await serve((request, response) => {
    asked.push(request.headers.authorization)
    to(`${target}/f`)(request, response)
  })
  const url = `${first.replace('//', '//me:s3cret@')}/f`
  const made = await built(daemon, { Dockerfile: `FROM busybox\nADD ${url} /f\n` })
  assert.equal(await outputOf(daemon, made.id, 'cat /f'), 'FROM busybox\n')
  await built(daemon, Buffer.alloc(0), { remote: url })
  assert.deepEqual(
    new Set(asked),
    new Set([`Basic ${Buffer.from('me:s3cret').toString('base64')}`]),
  )
  assert.deepEqual(new Set(seen), new Set([undefined]))
})

test('a secret of the client opens its host alone, and is nowhere to be seen', async () => {
  const seen: Array<string | undefined> = []
  const target = await serve((request, response) => {
    seen.push(request.headers.authorization)
    response.end('opened')
  })
  const first = await serve((request, response) => {
    if (request.headers.authorization !== 'Bearer t0ken-of-test')
      response.writeHead(401).end('closed')
    else to(`${target}/f`)(request, response)
  })
  const dockerfile = `FROM busybox\nADD ${first}/f /f\nCOPY --from=n context /n\n`
  const cli = `${import.meta.dirname}/../../packages/cli/main.ts`
  const run = (...args: string[]): ReturnType<TestDaemon['command']> =>
    daemon.command(
      process.execPath,
      [cli, 'build', '--build-context', `n=${first}/n`, ...args, '-'],
      dockerfile,
    )
  const closed = await run()
  assert.match(closed.stderr, /401 Unauthorized: closed/)
  process.env['TOKEN_OF_TEST'] = 't0ken-of-test'
  const made = await run(
    '--secret',
    'id=HTTP_AUTH_TOKEN_127.0.0.1,env=TOKEN_OF_TEST',
    '-t',
    'opened',
  )
  delete process.env['TOKEN_OF_TEST']
  assert.equal(made.status, 0, made.stderr)
  assert.equal(await outputOf(daemon, 'opened', 'cat /f /n'), 'openedopened')
  assert.deepEqual(new Set(seen), new Set([undefined]))
  const history = await daemon.api.get('/images/opened/history')
  assert.ok(![history.text, daemon.log, made.stdout].some((text) => text.includes('t0ken')))
})

test('a server elsewhere leads nobody to this machine, its links or its files', async (t) => {
  // An address of the machine that is not loopback stands for a server elsewhere.
  const own = Object.values(networkInterfaces())
    .flatMap((each) => each ?? [])
    .find(
      ({ family, internal, address }) =>
        family === 'IPv4' && !internal && !address.startsWith('169.254.'),
    )
  if (!own) return t.skip('no address but loopback')
  let reached = 0
  const inside = await serve((_request, response) => {
    reached++
    response.end('inside')
  })
  for (const location of [
    `${inside}/secret`,
    'http://169.254.169.254/latest/meta-data/',
    'http://[::1]:1/',
    'http://0.0.0.0:1/',
    'file:///etc/passwd',
    'gopher://127.0.0.1/',
  ]) {
    const url = `${await serve(to(location), own.address)}/f`
    for (const error of await both(url))
      assert.match(error, /refus|unsupported protocol scheme/, location)
  }
  assert.equal(reached, 0)
})

test('endless redirects, answers without end and names that lead away', async () => {
  const loop: string = await serve((request, response) =>
    to(`${loop}${request.url}x`)(request, response),
  )
  for (const error of await both(`${loop}/f`)) assert.match(error, /stopped after 10 redirects/)

  const names = await serve((_request, response) =>
    response
      .writeHead(200, { 'Content-Disposition': 'attachment; filename="../../../../escaped"' })
      .end('x'),
  )
  const made = await built(daemon, {
    Dockerfile: `FROM busybox\nADD ${names}/%2e%2e%2f%2e%2e%2fup /a/\nADD ${names}/ /b/\nADD ${names}/x%00y /c/\n`,
  })
  assert.equal(
    await outputOf(daemon, made.id, 'ls /a /b; ls / | grep -c escaped'),
    '/a:\nup\n\n/b:\nescaped\n0\n',
  )

  const context = await contextOf({
    '../../../../../../escaped-context': 'x',
    Dockerfile: 'FROM busybox\n',
  })
  const leads = await serve((_request, response) => response.end(context))
  const refused = await build(daemon, Buffer.alloc(0), { remote: `${leads}/c.tar` })
  assert.match(refused.error, /invalid entry name/)
})
