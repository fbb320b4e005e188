/** Reads request bodies under the rules all JSON bodies share. */
import type { Readable } from 'node:stream'
import { InvalidRequest } from '@tdocker/api/invalid.ts'
import { HttpError } from './errors.ts'

/** Docker's largest JSON bodies (create with many labels, swarm secrets) stay far below. */
export const maxJsonBody: number = 16 * 1024 * 1024

/**
 * Throws unless the content type is JSON. Without one, an empty body is fine.
 *
 * @param hasBody false when the request says that it has none.
 */
export function checkContentType(header: string | undefined, hasBody: boolean): void {
  if (!header && !hasBody) return
  const type = (header ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? ''
  if (type === 'application/json') return
  if (!/^[\w!#$%&'*+.^`|~-]+(\/[\w!#$%&'*+.^`|~-]+)?$/.test(type)) {
    const why = type === '' ? 'mime: no media type' : 'mime: invalid media parameter'
    throw new InvalidRequest(`malformed Content-Type header (${header ?? ''}): ${why}`)
  }
  throw new InvalidRequest(
    `unsupported Content-Type header (${header}): must be 'application/json'`,
  )
}

/** Everything a stream brings; 413 beyond `limit` bytes, 400 when the client goes away within it. */
export async function readAll(stream: Readable, limit: number): Promise<Buffer> {
  try {
    return await gather(stream, limit)
  } catch (error) {
    if ((error as { code?: string }).code !== 'ECONNRESET') throw error
    throw new InvalidRequest('invalid JSON: unexpected EOF')
  }
}

async function gather(stream: Readable, limit: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    length += chunk.length
    if (length > limit) throw new HttpError(413, 'http: request body too large')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}
