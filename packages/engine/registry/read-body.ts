import type { Response } from './transport.ts'
import { UnexpectedResponse } from './registry-error.ts'
import { networkError } from './transport.ts'

/** Reads a small body whole; UnexpectedResponse when it is larger than `max` bytes. */
export async function readBody(response: Response, max: number): Promise<Buffer> {
  const { body, url } = response
  const tooLarge = (): never => {
    body.destroy()
    throw new UnexpectedResponse(`response body of ${url.href} is larger than ${max} bytes`, 0)
  }
  if (Number(response.headers['content-length'] ?? 0) > max) tooLarge()
  const chunks: Buffer[] = []
  let size = 0
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      size += chunk.length
      if (size > max) tooLarge()
      chunks.push(chunk)
    }
  } catch (error) {
    if (error instanceof UnexpectedResponse) throw error
    if (error instanceof Error && error.name === 'AbortError') throw error
    throw networkError(error, 'GET', url.href, url)
  }
  return Buffer.concat(chunks)
}
