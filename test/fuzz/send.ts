/** Sends one request as it is, and reads as much of the answer as can be told from its head. */
import { connect } from 'node:net'
import type { FuzzRequest } from './requests.ts'

export interface FuzzAnswer {
  /** 0 where the connection ended without one. */
  status: number
  text: string
  /** Neither an answer nor an end within the time. */
  silent: boolean
}

const HEAD_LIMIT_MS = 15_000
/** A stream may go on for ever: this much of it is enough. */
const BODY_LIMIT_MS = 30
const BODY_LIMIT = 64 << 10

/** @param limitMs how long there may be no answer. */
export function send(
  socketPath: string,
  request: FuzzRequest,
  limitMs: number = HEAD_LIMIT_MS,
): Promise<FuzzAnswer> {
  const { promise, resolve } = Promise.withResolvers<FuzzAnswer>()
  const socket = connect({ path: socketPath, allowHalfOpen: true })
  let seen = Buffer.alloc(0)
  let timer = setTimeout(() => finish(true), limitMs)
  let headSeen = false
  const finish = (silent: boolean): void => {
    clearTimeout(timer)
    socket.destroy()
    const text = seen.toString('latin1')
    const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(text)?.[1] ?? 0)
    resolve({ status, text, silent })
  }
  socket.on('error', () => finish(false))
  socket.on('end', () => finish(false))
  socket.on('close', () => finish(false))
  socket.on('data', (chunk: Buffer) => {
    seen = seen.length < BODY_LIMIT ? Buffer.concat([seen, chunk]) : seen
    if (!headSeen && seen.includes('\r\n\r\n')) {
      headSeen = true
      clearTimeout(timer)
      timer = setTimeout(() => finish(false), BODY_LIMIT_MS)
      if (
        /^HTTP\/1\.1 (101|200 OK\r\nContent-Type: application\/vnd)/.test(seen.toString('latin1'))
      )
        socket.write(request.afterUpgrade)
    }
    if (isWhole(seen)) finish(false)
  })
  socket.on('connect', () => {
    socket.write(request.bytes.subarray(0, request.cutAt), () => {
      if (request.cutAt !== undefined || request.hangUp) socket.destroy()
    })
    if (request.endsInput) socket.end()
  })
  return promise
}

function isWhole(seen: Buffer): boolean {
  const text = seen.toString('latin1')
  const end = text.indexOf('\r\n\r\n')
  if (end < 0) return false
  if (/^HTTP\/1\.1 (204|304)/.test(text)) return true
  const length = /\r\nContent-Length: (\d+)/i.exec(text.slice(0, end))?.[1]
  return length !== undefined && text.length >= end + 4 + Number(length)
}
