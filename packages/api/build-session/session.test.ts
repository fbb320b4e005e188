import assert from 'node:assert/strict'
import { Duplex, type Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { test } from 'node:test'
import { type ConnectionOptions, SessionConnection } from './connection.ts'
import { encodeFrame, FRAME, INITIAL_WINDOW, MAX_PAYLOAD, MAX_STREAMS } from './frames.ts'
import { type SessionStream, StreamRefused } from './stream.ts'

/** Two ends of one connection. */
function pair(): [Duplex, Duplex] {
  const make = (): Duplex =>
    new Duplex({
      read() {},
      write(chunk: Buffer, _encoding, done) {
        setImmediate(() => {
          if (!other(this).destroyed) other(this).push(chunk)
          done()
        })
      },
      destroy(error, done) {
        if (!other(this).destroyed && !other(this).readableEnded) other(this).push(null)
        done(error)
      },
    })
  const [a, b] = [make(), make()]
  const other = (self: Duplex): Duplex => (self === a ? b : a)
  return [a, b]
}

interface Rig {
  daemon: SessionConnection
  closed: Promise<Error>
}

function connect(
  accept: NonNullable<ConnectionOptions['accept']>,
): Rig & { client: SessionConnection } {
  const [a, b] = pair()
  const rig = daemonAt(a)
  const client = new SessionConnection({ socket: b, head: Buffer.alloc(0), accept })
  client.greet({ version: 1, agents: [], directories: [] })
  return { ...rig, client }
}

function daemonAt(socket: Duplex): Rig {
  const { promise: closed, resolve } = Promise.withResolvers<Error>()
  const hello = (): void => {}
  const daemon = new SessionConnection({ socket, head: Buffer.alloc(0), hello, closed: resolve })
  return { daemon, closed }
}

/** A peer that says what it likes. */
function hostile(...frames: Array<[type: number, stream: number, payload: Uint8Array]>): Rig {
  const [a, b] = pair()
  const rig = daemonAt(a)
  rig.daemon.open({ kind: 'secret', name: 'one' }).resume()
  b.on('data', () => {})
  for (const frame of frames) b.write(encodeFrame(...(frame as Parameters<typeof encodeFrame>)))
  return rig
}

const hello: [number, number, Uint8Array] = [FRAME.hello, 0, Buffer.from('{}')]

test('streams carry bytes both ways, side by side, each ended on its own', async () => {
  const { daemon } = connect((request, stream) => {
    assert.equal(request.kind, 'agent')
    stream.pipe(stream)
  })
  const texts = ['a', 'b', 'c'].map((letter) => letter.repeat(300_000))
  const echoes = texts.map((text, at) => {
    const stream = daemon.open({ kind: 'agent', name: String(at) })
    stream.end(text)
    return buffer(stream)
  })
  assert.deepEqual((await Promise.all(echoes)).map(String), texts)
})

test('who does not read is sent no more than a window', async () => {
  let sent = 0
  const { daemon } = connect((_request, stream) => {
    const more = (): void => {
      while (stream.write(Buffer.alloc(10_000))) sent += 10_000
    }
    stream.on('drain', more)
    more()
  })
  const stream = daemon.open({ kind: 'directory', name: 'x' })
  for (let last = -1; last !== sent;) {
    last = sent
    await new Promise((go) => setTimeout(go, 50))
  }
  assert.ok(sent <= INITIAL_WINDOW + 2 * MAX_PAYLOAD, `${sent} bytes`)
  // Goes on as soon as somebody does.
  let read = 0
  for await (const chunk of stream as Readable)
    if ((read += (chunk as Buffer).length) > 5_000_000) break
})

test('a stream that is refused says why', async () => {
  const { daemon } = connect((_request, stream) =>
    stream.destroy(new StreamRefused('secret x: not found', 'not-found')),
  )
  const stream = daemon.open({ kind: 'secret', name: 'x' })
  await assert.rejects(buffer(stream), { message: 'secret x: not found', code: 'not-found' })
})

test('the end of the connection is the end of its streams', async () => {
  const { daemon, client, closed } = connect(() => {})
  const stream = daemon.open({ kind: 'secret', name: 'x' })
  const answer = buffer(stream)
  client.close()
  await assert.rejects(answer, /closed the connection/)
  await closed
  assert.throws(() => daemon.open({ kind: 'secret', name: 'y' }), /closed the connection/)
})

test('no more than so many streams at a time', () => {
  const { daemon } = connect(() => {})
  const streams: SessionStream[] = []
  for (let at = 0; at < MAX_STREAMS; at++)
    streams.push(daemon.open({ kind: 'secret', name: String(at) }))
  assert.throws(() => daemon.open({ kind: 'secret', name: 'more' }), /too many streams/)
  for (const stream of streams) stream.destroy()
})

const HOSTILE: Record<string, Array<[number, number, Uint8Array]>> = {
  'a frame of 65537 bytes': [hello, [FRAME.data, 1, Buffer.alloc(MAX_PAYLOAD + 1)]],
  'no hello': [[FRAME.data, 1, Buffer.from('x')]],
  'hello out of place': [hello, hello],
  'only the daemon opens streams': [hello, [FRAME.open, 2, Buffer.from('{}')]],
  'no stream 7': [hello, [FRAME.data, 7, Buffer.from('x')]],
  'a frame of type 9': [hello, [9, 1, Buffer.from('x')]],
  'data behind the end of stream 1': [
    hello,
    [FRAME.end, 1, Buffer.alloc(0)],
    [FRAME.data, 1, Buffer.from('x')],
  ],
  'a window of another size': [hello, [FRAME.window, 1, Buffer.alloc(3)]],
  'a reset without a reason': [hello, [FRAME.reset, 1, Buffer.from('x')]],
}
for (const [what, frames] of Object.entries(HOSTILE))
  test(`given up: ${what}`, async () => {
    const { closed } = hostile(...frames)
    assert.match((await closed).message, new RegExp(`^build session: ${what}`))
  })

test('given up: more than the window, also in frames of nothing', async () => {
  for (const [size, count] of [
    [MAX_PAYLOAD, INITIAL_WINDOW / MAX_PAYLOAD + 1],
    [1, 3000],
  ] as const) {
    const [a, b] = pair()
    const { daemon, closed } = daemonAt(a)
    daemon.open({ kind: 'secret', name: 'one' })
    b.on('data', () => {})
    b.write(encodeFrame(FRAME.hello, 0, Buffer.from('{}')))
    for (let at = 0; at < count; at++) b.write(encodeFrame(FRAME.data, 1, Buffer.alloc(size)))
    assert.match((await closed).message, /exceeds its window/)
  }
})

test('frames arrive in any pieces', async () => {
  const [a, b] = pair()
  const { daemon } = daemonAt(a)
  const stream = daemon.open({ kind: 'secret', name: 'one' })
  b.on('data', () => {})
  const all = Buffer.concat([
    encodeFrame(FRAME.hello, 0, Buffer.from('{}')),
    encodeFrame(FRAME.data, 1, Buffer.from('bytes')),
    encodeFrame(FRAME.end, 1, Buffer.alloc(0)),
  ])
  for (const byte of all) b.write(Buffer.from([byte]))
  assert.equal(String(await buffer(stream)), 'bytes')
})
