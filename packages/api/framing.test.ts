import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodeFrame, FrameDecoder, frameStream } from './framing.ts'

test('a frame is stream, three zeros, big-endian length, payload', () => {
  const frame = encodeFrame(frameStream.stderr, Buffer.from('hello'))
  assert.equal(frame.toString('hex'), `0200000000000005${Buffer.from('hello').toString('hex')}`)
})

test('frames come out whole, however the bytes are cut', () => {
  const wire = Buffer.concat([
    encodeFrame(frameStream.stdout, Buffer.from('one')),
    encodeFrame(frameStream.stderr, Buffer.from('two')),
    encodeFrame(frameStream.stdout, Buffer.alloc(0)),
    encodeFrame(frameStream.stdout, Buffer.from('three')),
  ])
  for (let size = 1; size <= wire.length; size++) {
    const decoder = new FrameDecoder()
    const seen = new Map<number, string>()
    for (let at = 0; at < wire.length; at += size) {
      for (const { stream, payload } of decoder.feed(wire.subarray(at, at + size))) {
        seen.set(stream, (seen.get(stream) ?? '') + payload.toString())
      }
    }
    assert.deepEqual(
      [...seen],
      [
        [1, 'onethree'],
        [2, 'two'],
      ],
    )
    assert.equal(decoder.incomplete, false)
  }
})

test('a payload is handed on before its frame is complete', () => {
  const decoder = new FrameDecoder()
  const wire = encodeFrame(frameStream.stdout, Buffer.from('prompt'))
  const frames = [...decoder.feed(wire.subarray(0, 11))]
  assert.deepEqual(
    frames.map((f) => f.payload.toString()),
    ['pro'],
  )
  assert.equal(decoder.incomplete, true)
})

test('an unknown stream byte is an error', () => {
  assert.throws(() => [...new FrameDecoder().feed(Buffer.from('HTTP/1.1'))], /input header: 72/)
})
