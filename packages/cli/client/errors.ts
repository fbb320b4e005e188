import { programName } from '../command/program.ts'

/** The daemon refused: its HTTP status and sentence. */
export class ApiError extends Error {
  readonly status: number

  constructor(status: number, message: string) {
    super(`Error response from daemon: ${message.trim()}`)
    this.status = status
  }

  get isNotFound(): boolean {
    return this.status === 404
  }
}

/** No daemon answers. Scripts match on this sentence, so it keeps Docker's shape. */
export class ConnectionError extends Error {}

export function cannotConnect(host: string, error: unknown): ConnectionError {
  const { code = '', message } = error as NodeJS.ErrnoException
  if (code === 'EACCES' || code === 'EPERM') {
    return new ConnectionError(
      `permission denied while trying to connect to the ${programName} daemon socket at ${host}`,
    )
  }
  if (code.startsWith('ERR_TLS') || code.includes('CERT') || code.includes('SSL')) {
    return new ConnectionError(
      `error during connect: ${host}: ${tlsReason(code, message)}. ` +
        'Do both sides use certificates of the same authority?',
    )
  }
  if (isRefused(code)) {
    return new ConnectionError(
      `Cannot connect to the ${programName} daemon at ${host}. Is the ${programName} daemon running?`,
    )
  }
  return new ConnectionError(`error during connect: ${host}: ${message}`)
}

/** An alert of the other side by its name; OpenSSL's own text is for its developers. */
function tlsReason(code: string, message: string): string {
  const alert = /_ALERT_([A-Z_]+)$/.exec(code)?.[1]
  return alert ? `remote error: tls: ${alert.toLowerCase().replaceAll('_', ' ')}` : message.trim()
}

function isRefused(code: string): boolean {
  return ['ENOENT', 'ECONNREFUSED', 'FailedToOpenSocket', 'ConnectionRefused', 'ENOTSOCK'].includes(
    code,
  )
}
