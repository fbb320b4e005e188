import { KernelError } from '../native.ts'
import type { Native } from '../native.ts'
import { constants } from 'node:os'
import { getSystemErrorMessage, getSystemErrorName } from 'node:util'

/**
 * Sends one request to a shim's control socket and returns the fields behind `OK`.
 * Throws KernelError with the errno that the shim answered, or for the connection itself.
 */
export async function requestShim(
  native: Pick<Native, 'shimRequest'>,
  path: string,
  fields: readonly string[],
  o: { fds?: readonly number[]; tail?: Uint8Array } = {},
): Promise<string[]> {
  if (fields.some((field) => field.includes('\0'))) throw new RangeError('NUL in a shim request')
  const head = Buffer.from(fields.map((field) => `${field}\0`).join(''))
  const message = o.tail === undefined ? head : Buffer.concat([head, o.tail])
  const answer = await native.shimRequest({ path, message, fds: o.fds ?? [] })
  const [status, ...rest] = answer.toString('utf8').split('\0').slice(0, -1)
  if (status === 'OK') return rest
  // No word at all: it ended while we asked.
  const errno = status === undefined ? constants.errno.ECONNRESET : Number(rest[0] ?? 0)
  throw shimError(errno, fields[0] ?? '')
}

function shimError(errno: number, verb: string): KernelError {
  return new KernelError(errnoName(errno), errno, `shim ${verb}`)
}

/** `ENOENT` for 2; `UNKNOWN` where libuv has no name for it. */
export function errnoName(errno: number): string {
  if (!Number.isSafeInteger(errno) || errno <= 0) return 'UNKNOWN'
  const name = getSystemErrorName(-errno)
  return getSystemErrorMessage(-errno) === undefined ? 'UNKNOWN' : name
}
