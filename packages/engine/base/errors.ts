/**
 * What went wrong, said where its meaning is known. The HTTP status of a kind is decided in one
 * place (`daemon/http/errors.ts`); the message is what Docker clients read and match on.
 */
export type ErrorKind =
  | 'notFound'
  | 'invalidParameter'
  | 'conflict'
  | 'unauthorized'
  | 'forbidden'
  | 'notAllowed'
  | 'tooManyRequests'
  | 'unavailable'
  | 'notModified'
  | 'notImplemented'
  | 'cancelled'
  | 'system'

export class EngineError extends Error {
  readonly kind: ErrorKind
  constructor(kind: ErrorKind, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'EngineError'
    this.kind = kind
  }
}

/** `throw notFound('No such container: x')` */
export const notFound: MakeError = make('notFound')
export const invalidParameter: MakeError = make('invalidParameter')
export const conflict: MakeError = make('conflict')
export const unauthorized: MakeError = make('unauthorized')
export const forbidden: MakeError = make('forbidden')
export const unavailable: MakeError = make('unavailable')
export const notModified: MakeError = make('notModified')
export const notImplemented: MakeError = make('notImplemented')
export const cancelled: MakeError = make('cancelled')
export const system: MakeError = make('system')

type MakeError = (message: string, cause?: unknown) => EngineError

function make(kind: ErrorKind): MakeError {
  return (message, cause) =>
    new EngineError(kind, message, cause === undefined ? undefined : { cause })
}

export function isKind(error: unknown, kind: ErrorKind): boolean {
  return error instanceof EngineError && error.kind === kind
}

/** The same error with more in front of its sentence: `create x: …`. */
export function prefixed(what: string, error: unknown): unknown {
  if (!(error instanceof EngineError)) return error
  return new EngineError(error.kind, `${what}: ${error.message}`, { cause: error })
}
