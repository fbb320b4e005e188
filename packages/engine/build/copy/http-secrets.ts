/** Secrets of the client that open an address (BuildKit: source/http newHTTPRequest). */
import { invalidParameter } from '../../base/errors.ts'
import type { BuildSession } from '../session.ts'

export type Secrets = Pick<BuildSession, 'secret'>

/** Headers for that host; redirects elsewhere do not carry them. */
export async function secretHeaders(
  session: Secrets | undefined,
  { hostname }: URL,
  signal: AbortSignal,
): Promise<Record<string, string>> {
  if (!session) return {}
  const token = await headerSecret(session, `HTTP_AUTH_TOKEN_${hostname}`, signal)
  if (token !== undefined) return { authorization: `Bearer ${token}` }
  const header = await headerSecret(session, `HTTP_AUTH_HEADER_${hostname}`, signal)
  return header === undefined ? {} : { authorization: header }
}

/** As a header's value, and no more than one. Throws invalidParameter. */
export async function headerSecret(
  session: Secrets,
  id: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  const secret = await session.secret(id, signal)
  const text = secret?.toString().trim()
  // oxlint-disable-next-line no-control-regex
  if (text !== undefined && /[\u0000-\u001F\u007F]/.test(text))
    throw invalidParameter(`secret ${id}: not a header's value`)
  return text
}
