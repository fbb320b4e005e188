/** What registries and networks do to a blob on its way: each fault serves `blob` in its own wrong way. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import type { Blob } from '../image-maker.ts'
import type { Fault } from './own-registry.ts'
import { refuse, serveBlob } from './wire.ts'

/** Only for GET of one blob: manifests and others are served as ever. */
function ofBlob(
  blob: Blob,
  serve: (request: IncomingMessage, response: ServerResponse, start: number) => boolean | void,
): Fault {
  return (request, response, url) => {
    if (request.method !== 'GET' || !url.pathname.endsWith(blob.digest)) return false
    return serve(request, response, startOf(request)) !== false
  }
}

/** First byte that a Range header asks for. */
export function startOf(request: IncomingMessage): number {
  return Number(/^bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0)
}

function open(
  response: ServerResponse,
  blob: Blob,
  start: number,
  headers: Record<string, string | number> = {},
): void {
  response.writeHead(start > 0 ? 206 : 200, {
    'content-type': 'application/octet-stream',
    'content-length': blob.size - start,
    ...(start > 0 && { 'content-range': `bytes ${start}-${blob.size - 1}/${blob.size}` }),
    ...headers,
  })
}

/** Sends what it is given and breaks the connection when that is out. */
function cut(response: ServerResponse, bytes: Buffer): void {
  response.write(bytes, () => setTimeout(() => response.destroy(), 10))
}

/** Every answer breaks off after `bytes`. */
export function cutEvery(blob: Blob, bytes: number = 64 * 1024): Fault {
  return ofBlob(blob, (_request, response, start) => {
    open(response, blob, start)
    cut(response, blob.bytes.subarray(start, start + bytes))
  })
}

/** Breaks off once at `at`; nothing is served from there on while `dead()` says so. */
export function deadFrom(blob: Blob, at: number, dead: () => boolean = () => true): Fault {
  return ofBlob(blob, (request, response, start) => {
    if (!dead()) return false
    if (start >= at) {
      request.socket.destroy()
      return true
    }
    open(response, blob, start)
    cut(response, blob.bytes.subarray(start, at))
    return true
  })
}

/** Content-Length says more than comes, or less. */
export function wrongLength(blob: Blob, difference: number): Fault {
  return ofBlob(blob, (_request, response, start) => {
    const length = blob.size - start + difference
    open(response, blob, start, { 'content-length': length })
    const bytes = blob.bytes.subarray(start, start + Math.min(length, blob.size - start))
    if (difference > 0) cut(response, bytes)
    else response.end(bytes)
  })
}

/** Ends in order, too early, and says nothing of its length. */
export function earlyEnd(blob: Blob, bytes: number): Fault {
  return ofBlob(blob, (_request, response, start) => {
    response.writeHead(start > 0 ? 206 : 200, {
      ...(start > 0 && { 'content-range': `bytes ${start}-${blob.size - 1}/${blob.size}` }),
    })
    response.end(blob.bytes.subarray(start, Math.max(start, bytes)))
  })
}

/** Other bytes of the same length. */
export function otherBytes(blob: Blob, bytes: Buffer): Fault {
  return ofBlob(blob, (request, response) =>
    serveBlob(request, response, { ...blob, bytes, size: bytes.length }),
  )
}

/** Answers a status, `times` times. */
export function failing(
  match: (url: URL, request: IncomingMessage) => boolean,
  status: number,
  o: { times?: number; headers?: Record<string, string>; code?: string } = {},
): Fault {
  let left = o.times ?? Infinity
  return (request, response, url) => {
    if (!match(url, request) || left-- <= 0) return false
    refuse(response, status, o.code ?? 'UNKNOWN', o.headers ? { headers: o.headers } : {})
    return true
  }
}

export function redirectLoop(blob: Blob): Fault {
  let hop = 0
  return ofBlob(blob, (request, response) => {
    const location = `${request.url?.split('?', 1)[0]}?hop=${++hop}`
    response.writeHead(307, { location }).end()
  })
}

/** The blob is at another host. */
export function redirectTo(blob: Blob, location: () => string, status = 307): Fault {
  return ofBlob(blob, (_request, response) => {
    response.writeHead(status, { location: location() }).end()
  })
}

/** A few bytes now and then; at the end of the test's patience the server goes on forever. */
export function trickle(blob: Blob, o: { bytes: number; everyMs: number }): Fault {
  return ofBlob(blob, (_request, response, start) => {
    open(response, blob, start)
    void (async () => {
      for (let at = start; at < blob.size && !response.destroyed; at += o.bytes) {
        response.write(blob.bytes.subarray(at, at + o.bytes))
        await delay(o.everyMs)
      }
      response.end()
    })()
  })
}

/** Sends until `at`, then nothing more, and keeps the connection. */
export function stall(blob: Blob, at: number, stalls: () => boolean = () => true): Fault {
  return ofBlob(blob, (_request, response, start) => {
    if (!stalls()) return false
    open(response, blob, start)
    if (start < at) response.write(blob.bytes.subarray(start, at))
    else response.flushHeaders()
    return true
  })
}

/** A page of a captive portal or a broken proxy, with 200. */
export function html(match: (url: URL) => boolean): Fault {
  return (_request, response, url) => {
    if (!match(url)) return false
    const page = '<html><body>Please sign in to the network</body></html>'
    response.writeHead(200, { 'content-type': 'text/html', 'content-length': page.length })
    response.end(page)
    return true
  }
}

/** Breaks off at `at`, and knows no ranges then. */
export function noResume(
  blob: Blob,
  at: number,
  answer: (response: ServerResponse, start: number) => void,
): Fault {
  let broken = false
  return ofBlob(blob, (_request, response, start) => {
    if (start > 0) {
      answer(response, start)
      return true
    }
    if (broken) return false
    broken = true
    open(response, blob, 0)
    cut(response, blob.bytes.subarray(0, at))
    return true
  })
}
