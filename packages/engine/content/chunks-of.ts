import { type Readable, finished } from 'node:stream'

/**
 * The chunks of a stream as they were pushed. Its own iterator joins all that are buffered into a new
 * one, so that each byte is copied and lies in memory twice. Throws what the stream ended with; it is
 * destroyed when the loop is left early.
 */
export async function* chunksOf(stream: Readable): AsyncGenerator<Buffer> {
  const waiting: Buffer[] = []
  let end: { error?: unknown } | undefined
  let wake = (): void => {}
  const stopWatching = finished(stream, { writable: false }, (error) => {
    end = error ? { error } : {}
    wake()
  })
  stream.on('error', ignore)
  stream.on('data', (chunk: Buffer) => {
    waiting.push(chunk)
    stream.pause()
    wake()
  })
  try {
    for (;;) {
      const chunk = waiting.shift()
      if (chunk) yield chunk
      else if (end) break
      else await next(stream, (resolve) => (wake = resolve))
    }
    if (end.error !== undefined) throw end.error
  } finally {
    stopWatching()
    if (!end) stream.destroy()
  }
}

/** A stream may fail once more while it is destroyed. */
function ignore(): void {}

async function next(stream: Readable, woken: (resolve: () => void) => void): Promise<void> {
  const ready = new Promise<void>((resolve) => woken(resolve))
  stream.resume()
  await ready
}
