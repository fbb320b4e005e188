/** Request bodies read from their sockets, in whatever pieces they come. */
import assert from 'node:assert/strict'
import { writeSync } from 'node:fs'
import { test } from 'node:test'
import { loadNative } from '@tdocker/kernel/load-native.ts'
import type { SocketBody } from '@tdocker/kernel/native.ts'

const native = loadNative()

interface Pair extends Disposable {
  body: SocketBody
  write(bytes: Buffer | string): void
  end(): void
}

function pair(o: { head?: string; length?: number }): Pair {
  const [ours, theirs] = native.socketPair()
  let open = true
  const end = (): void => {
    if (open) native.closeFd(theirs)
    open = false
  }
  const { head = '', ...rest } = o
  const body = native.socketBody({ fd: ours, head: Buffer.from(head), ...rest })
  native.closeFd(ours)
  return {
    body,
    write: (bytes) => void writeSync(theirs, Buffer.from(bytes)),
    end,
    [Symbol.dispose]: () => {
      end()
      void body.close()
    },
  }
}

async function readAll(body: SocketBody): Promise<string> {
  let text = ''
  for (;;) {
    const { data, progress } = await body.read()
    text += data.toString('latin1')
    if (progress === 'done') return text
    assert.notEqual(progress, 'blocked')
  }
}

test('by length: not a byte more', async () => {
  using p = pair({ head: 'hea', length: 8 })
  p.write('d bodyNEXT')
  assert.equal(await readAll(p.body), 'head bod')
  using none = pair({ length: 0 })
  assert.deepEqual((await none.body.read()).progress, 'done')
})

test('in chunks, with extensions and trailers, cut anywhere', async () => {
  const text = '5;x=y\r\nhello\r\n1\r\n \r\nA\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n'
  for (let cut = 0; cut <= text.length; cut++) {
    using p = pair({ head: text.slice(0, cut) })
    if (cut < text.length) p.write(text.slice(cut))
    assert.equal(await readAll(p.body), 'hello 0123456789', `cut at ${cut}`)
  }
})

test('byte by byte: blocked between, never wrong', async () => {
  using p = pair({})
  let text = ''
  for (const byte of '3\r\nabc\r\n0\r\n\r\n') {
    p.write(byte)
    const { data, progress } = await p.body.read()
    text += data.toString()
    if (progress === 'done') break
  }
  assert.equal(text, 'abc')
})

test('bad chunks and early ends', async () => {
  for (const bad of [
    'x\r\n',
    '\r\n',
    '5\r\nhelloX\r\n',
    '-1\r\n',
    'fffffffffffffffff\r\n',
    '1 \n'.repeat(2),
  ]) {
    using p = pair({ head: bad })
    p.end()
    await assert.rejects(readAll(p.body), { code: /EBADMSG|EPIPE/ }, bad)
  }
  using long = pair({ head: '1'.repeat(5000) })
  await assert.rejects(readAll(long.body), { code: 'EBADMSG' })
  using short = pair({ length: 10 })
  short.write('abc')
  short.end()
  await assert.rejects(readAll(short.body), { code: 'EPIPE', syscall: 'recv' })
})

test('trailers without end are refused', async () => {
  using p = pair({ head: '0\r\n' })
  p.write('a: b\r\n'.repeat(1000))
  await assert.rejects(p.body.read(), { code: 'EBADMSG' })
})
