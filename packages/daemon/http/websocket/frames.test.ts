import assert from 'node:assert/strict'
import { test } from 'node:test'
import { closeFrame, encodeFrame, FrameReader, opcode, ProtocolError } from './frames.ts'

/** A frame as clients send it. */
function masked(code: number, payload: Buffer, o: { fin?: boolean } = {}): Buffer {
  const frame = encodeFrame(code, payload)
  const headSize = frame.length - payload.length
  const mask = Buffer.from([0xa1, 0x00, 0xff, 0x37])
  const head = Buffer.from(frame.subarray(0, headSize))
  if (o.fin === false) head[0]! &= 0x7f
  head[1]! |= 0x80
  return Buffer.concat([head, mask, payload.map((byte, i) => byte ^ mask[i & 3]!)])
}

/** What came out: data joined, control frames by name. */
function read(wire: Buffer, step: number): string[] {
  const reader = new FrameReader()
  const seen: string[] = []
  for (let at = 0; at < wire.length; at += step)
    for (const { kind, payload } of reader.feed(wire.subarray(at, at + step)))
      if (kind === 'data' && seen.at(-1)?.startsWith('data:'))
        seen.push(`${seen.pop()}${payload.toString('latin1')}`)
      else seen.push(`${kind}:${payload.toString('latin1')}`)
  return seen
}

test('frames of every length, cut anywhere', () => {
  for (const length of [0, 1, 125, 126, 65_535, 65_536, 70_001]) {
    const payload = Buffer.alloc(length, 'abcdefg')
    const wire = Buffer.concat([
      masked(opcode.binary, payload),
      masked(opcode.ping, Buffer.from('p')),
      masked(opcode.close, Buffer.alloc(0)),
    ])
    const wanted = [...(length > 0 ? [`data:${payload.toString()}`] : []), 'ping:p', 'close:']
    for (const step of length > 200 ? [wire.length, 4096] : [wire.length, 1, 3])
      assert.deepEqual(read(wire, step), wanted, `${length} in steps of ${step}`)
  }
})

test('a message in fragments, with a ping between them', () => {
  const wire = Buffer.concat([
    masked(opcode.text, Buffer.from('one '), { fin: false }),
    masked(opcode.ping, Buffer.from('?')),
    masked(opcode.continuation, Buffer.from('two '), { fin: false }),
    masked(opcode.continuation, Buffer.from('three')),
    masked(opcode.pong, Buffer.alloc(0)),
    masked(opcode.binary, Buffer.from('four')),
  ])
  for (const step of [1, 2, 5, 1000])
    assert.deepEqual(read(wire, step), [
      'data:one ',
      'ping:?',
      'data:two three',
      'pong:',
      'data:four',
    ])
})

test('what no client may send', () => {
  const violations: ReadonlyArray<[string, Buffer]> = [
    ['unmasked', encodeFrame(opcode.text, Buffer.from('x'))],
    [
      'reserved bits',
      Buffer.concat([Buffer.from([0xc2]), masked(2, Buffer.from('x')).subarray(1)]),
    ],
    ['unknown opcode', masked(3, Buffer.from('x'))],
    ['long control frame', masked(opcode.ping, Buffer.alloc(126))],
    ['control frame in fragments', masked(opcode.ping, Buffer.alloc(1), { fin: false })],
    ['continuation of nothing', masked(opcode.continuation, Buffer.from('x'))],
    [
      'message within a message',
      Buffer.concat([
        masked(opcode.text, Buffer.from('x'), { fin: false }),
        masked(opcode.text, Buffer.from('y')),
      ]),
    ],
    ['2^63 bytes', Buffer.from([0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4])],
  ]
  for (const [what, wire] of violations)
    for (const step of [1, wire.length])
      assert.throws(() => read(wire, step), ProtocolError, `${what} in steps of ${step}`)
})

test('frames of a server', () => {
  assert.deepEqual([...encodeFrame(opcode.binary, Buffer.from('hi'))], [0x82, 2, 0x68, 0x69])
  assert.deepEqual([...encodeFrame(2, Buffer.alloc(126)).subarray(0, 4)], [0x82, 126, 0, 126])
  assert.deepEqual(
    [...encodeFrame(2, Buffer.alloc(65_536)).subarray(0, 10)],
    [0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0],
  )
  assert.deepEqual([...closeFrame(1000)], [0x88, 2, 3, 232])
})
